"""The route: state, wiring, façade, and the proof of the safety contract.

from cbtguard.graph import Guard

with Guard() as guard:
    answer = guard.ask("最近总睡不着，一躺下就想工作的事")
    print(answer.reply)
"""

from cbtguard.graph.answer import Answer, Citation, Event, PartAnswer, ReferralInfo, Route
from cbtguard.graph.build import compile_graph
from cbtguard.graph.contact import ContactEvent, ContactHook
from cbtguard.graph.forgetting import Forgotten, Swept
from cbtguard.graph.guard import Guard
from cbtguard.graph.node import Keys, as_node
from cbtguard.graph.review import Delivery, FollowUp, ReviewAct, ReviewItem
from cbtguard.graph.settings import Settings, load_settings
from cbtguard.graph.talks import Talks
from cbtguard.graph.vaults import MemoryVaults, SealedVaults, VaultStore
from cbtguard.nodes.context import ReferralDesk, Services
from cbtguard.nodes.limits import Limits
from cbtguard.nodes.retrieval.encoder import Encoder
from cbtguard.nodes.retrieval.hybrid import Hit, Retriever
from cbtguard.nodes.retrieval.note import Note, NoteLibrary
from cbtguard.nodes.writers import (
    Composer,
    Draft,
    FakeStreamingWriter,
    FakeWriter,
    Filler,
    Filling,
    StreamingWriter,
    Writer,
    WritingTask,
)

__all__ = [
    "Answer",
    "Citation",
    "Composer",
    "ContactEvent",
    "ContactHook",
    "Delivery",
    "Draft",
    "Encoder",
    "Event",
    "FakeStreamingWriter",
    "FakeWriter",
    "Filler",
    "Filling",
    "FollowUp",
    "Forgotten",
    "Guard",
    "Hit",
    "Keys",
    "Limits",
    "MemoryVaults",
    "Note",
    "NoteLibrary",
    "PartAnswer",
    "ReferralDesk",
    "ReferralInfo",
    "Retriever",
    "ReviewAct",
    "ReviewItem",
    "Route",
    "SealedVaults",
    "Services",
    "Settings",
    "StreamingWriter",
    "Swept",
    "Talks",
    "VaultStore",
    "Writer",
    "WritingTask",
    "as_node",
    "compile_graph",
    "load_settings",
]
