"""A folder with nothing but an adapter: which model it lies over, and what it was taught to read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cbtguard.nodes.writers.prompt import PromptForm
from cbtguard.safety.errors import WriterError

if TYPE_CHECKING:
    from cbtguard.nodes.writers.source import ModelSource

_CONFIG, _WHOLE = "adapter_config.json", "config.json"
_NOTE = "cbtguard.json"
_FORMS = {"chat": PromptForm.CHAT, "cbt-llm": PromptForm.CBT_LLM}


def with_base(source: ModelSource) -> ModelSource:
    """Return the source of the model that an adapter's folder names, with that folder as its adapter.

    Any other source is returned as it is.

    Raises:
        WriterError: ``writer.model`` when the folder does not say over which model it lies.
    """
    folder = Path(source.name)
    config = folder / _CONFIG
    if source.adapter is not None or not config.is_file() or (folder / _WHOLE).exists():
        return source
    base = _read(config).get("base_model_name_or_path")
    if not isinstance(base, str) or not base.strip():
        raise _damaged(config)
    path = Path(base)
    if source.gguf_file is None and path.suffix.lower() == ".gguf" and path.is_file():
        return replace(source, name=str(path.parent), gguf_file=path.name, adapter=source.name)
    return replace(source, name=base, adapter=source.name)


def taught_form(source: ModelSource) -> PromptForm | None:
    """Return the form that the adapter of a source was tuned on, where its folder says so.

    Raises:
        WriterError: ``writer.model`` when what it says cannot be read.
    """
    note = Path(source.adapter or "") / _NOTE
    if source.adapter is None or not note.is_file():
        return None
    form = _FORMS.get(str(_read(note).get("prompt")))
    if form is None:
        raise _damaged(note)
    return form


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path) from error
    if not isinstance(data, dict):
        raise _damaged(path)
    return data


def _damaged(path: Path) -> WriterError:
    return WriterError(
        "writer.model", f"The file {path} of an adapter cannot be used.", hint="Tune the adapter anew."
    )
