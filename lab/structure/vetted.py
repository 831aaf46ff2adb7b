"""Sentences of the texts that ship: notes, phrases and referrals. People have read them, and they do no harm."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cbtguard.lab.structure.documents import document
from cbtguard.nodes.retrieval.note import NOTES
from cbtguard.nodes.writers import phrases
from cbtguard.safety import referral
from cbtguard.safety.files import read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cbtguard.lab.structure.documents import Document

_PHRASES = Path(phrases.__file__).parent / "data" / "phrases.yaml"
_TEXTS = Path(referral.__file__).parent / "data" / "texts"
_OTHERS = frozenset({"cues", "sources"})
"""Keys whose texts are no words of a counsellor."""
_SLOT = re.compile(r"\{[^{}]*\}")
_HAN = re.compile(r"[\u3400-\u9fff]")
_SHORTEST = 8
"""Characters; below are ids, tags and headings."""


def vetted() -> Iterator[Document]:
    """Yield every text of some length as a harmless document; of its parts nothing is said."""
    for path in (*sorted(NOTES.glob("*.yaml")), _PHRASES, *sorted(_TEXTS.glob("*.yaml"))):
        for text in dict.fromkeys(_strings(read_yaml(path))):
            plain = _SLOT.sub("", text).strip()
            if len(plain) >= _SHORTEST:
                bare = document("", plain, english=not _HAN.search(plain), marks=[(0, frozenset())])
                yield replace(bare, labels=np.full_like(bare.labels, np.nan))


def _strings(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            if key not in _OTHERS:
                yield from _strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from _strings(value)
