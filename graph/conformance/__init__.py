"""Suites that show whether a part of one's own does what the flow relies on; plain Python or pytest.

    from cbtguard.graph.conformance import check_writer

    def test_my_writer_conforms():
        check_writer(MyWriter).raise_for_failures()

``python -m cbtguard.graph.conformance`` lists the suites.
"""

from cbtguard.graph.conformance.checker import check_checker
from cbtguard.graph.conformance.desk import check_desk
from cbtguard.graph.conformance.detector import check_detector
from cbtguard.graph.conformance.directory import check_directory
from cbtguard.graph.conformance.encoder import check_encoder
from cbtguard.graph.conformance.filler import check_filler
from cbtguard.graph.conformance.rater import check_rater
from cbtguard.graph.conformance.record_store import check_record_store
from cbtguard.graph.conformance.redactor import check_redactor
from cbtguard.graph.conformance.report import Check, ConformanceFailure, ConformanceReport
from cbtguard.graph.conformance.retriever import check_retriever
from cbtguard.graph.conformance.thread_store import check_thread_store
from cbtguard.graph.conformance.vault_store import check_vault_store
from cbtguard.graph.conformance.writer import check_writer

SUITES = {
    "writer": check_writer,
    "filler": check_filler,
    "retriever": check_retriever,
    "encoder": check_encoder,
    "detector": check_detector,
    "rater": check_rater,
    "redactor": check_redactor,
    "checker": check_checker,
    "directory": check_directory,
    "referral desk": check_desk,
    "record store": check_record_store,
    "vault store": check_vault_store,
    "thread store": check_thread_store,
}
"""Part to its suite."""

__all__ = [
    "SUITES",
    "Check",
    "ConformanceFailure",
    "ConformanceReport",
    "check_checker",
    "check_desk",
    "check_detector",
    "check_directory",
    "check_encoder",
    "check_filler",
    "check_rater",
    "check_record_store",
    "check_redactor",
    "check_retriever",
    "check_thread_store",
    "check_vault_store",
    "check_writer",
]
