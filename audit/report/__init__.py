"""From an audit to what an auditor signs."""

from cbtguard.audit.report.document import Report, read_report
from cbtguard.audit.report.pdf import print_pdf
from cbtguard.audit.report.writing import Written, rewrite, write

__all__ = ["Report", "Written", "print_pdf", "read_report", "rewrite", "write"]
