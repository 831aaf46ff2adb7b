"""Writers: what turns a question and notes into a draft."""

from cbtguard.nodes.writers.composer import Composer
from cbtguard.nodes.writers.fake import FakeStreamingWriter, FakeWriter
from cbtguard.nodes.writers.task import Draft, Filler, Filling, StreamingWriter, Writer, WritingTask

__all__ = [
    "Composer",
    "Draft",
    "FakeStreamingWriter",
    "FakeWriter",
    "Filler",
    "Filling",
    "StreamingWriter",
    "Writer",
    "WritingTask",
]
