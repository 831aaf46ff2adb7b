"""Public data sets as cases: read from a folder that the user has; nothing is fetched, nothing is shipped."""

from __future__ import annotations

from cbtguard.audit.adapters.adapter import Adapter
from cbtguard.audit.adapters.registry import adapter_named, names, names_a_set, read_named
from cbtguard.audit.adapters.rows import LeftOut
from cbtguard.audit.adapters.table import Table, read_table

__all__ = [
    "Adapter",
    "LeftOut",
    "Table",
    "adapter_named",
    "names",
    "names_a_set",
    "read_named",
    "read_table",
]
