"""Writers: what turns a question and notes into a draft."""

from cbtguard.nodes.writers.composer import Composer
from cbtguard.nodes.writers.fake import FakeWriter
from cbtguard.nodes.writers.task import Draft, Writer, WritingTask

__all__ = ["Composer", "Draft", "FakeWriter", "Writer", "WritingTask"]
