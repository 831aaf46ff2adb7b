"""Local language models as writers: CBT-LLM and any other causal model that transformers can load."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from cbtguard.nodes.writers.finish import begun, finished
from cbtguard.nodes.writers.generation import fit_prompt, generate_text
from cbtguard.nodes.writers.model import LoadedModel, load_model
from cbtguard.nodes.writers.naming import recordable, short
from cbtguard.nodes.writers.source import ModelSource
from cbtguard.safety.errors import CbtguardError, SettingsError, WriterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cbtguard.nodes.writers.task import Draft, WritingTask


class TransformersWriter:
    """Writes with a causal language model on this machine; greedy, so the same task gets the same draft.

    Weights are loaded on the first draft, once; :meth:`load` does it before. A model of this size takes
    longer to load than a draft may take, so a service should. One draft is written at a time, others wait.

    The prompt is the model's chat template where it has one, a plain text where it has none, and for
    models whose name holds ``CBT-LLM`` the form that CBT-LLM was tuned on. It is cut to the model's
    context, earlier messages first. Citations are as in :func:`cbtguard.nodes.writers.finish.finished`.

    Args:
        name: Folder with a model or with an adapter that names its model, GGUF file, or hub name; looked up
            in the local cache only, unless ``download``.
        device: Such as ``cpu`` or ``cuda:0``; None for the first accelerator, else the CPU.
        dtype: Such as ``bfloat16``; None for that of the weights.
        max_new_tokens: Longest draft, in tokens.
        trust_remote_code: Whether code that lies beside the weights may run on this machine, with all
            its rights. CBT-LLM as published needs it.
        adapter: LoRA adapter (folder or hub name) to lay over the model; needs peft.
        gguf_file: File name of GGUF weights in the folder or repository; needs gguf and accelerate.
        download: Whether what is missing may be fetched from the hub.

    Raises:
        SettingsError: ``settings.invalid`` for an empty name, or a length below 1.
    """

    def __init__(
        self,
        name: str,
        *,
        device: str | None = None,
        dtype: str | None = None,
        max_new_tokens: int = 900,
        trust_remote_code: bool = False,
        adapter: str | None = None,
        gguf_file: str | None = None,
        download: bool = False,
    ) -> None:
        if not name.strip() or max_new_tokens < 1:
            raise SettingsError(
                "settings.invalid",
                "A local model needs a name, and drafts of at least one token.",
                hint="Give a folder or a hub name, and leave max_new_tokens unset for 900.",
            )
        name, gguf_file = _split(_expanded(name), gguf_file)
        self._source = ModelSource(
            name=name,
            device=device,
            dtype=dtype,
            trust_remote_code=trust_remote_code,
            adapter=None if adapter is None else _expanded(adapter),
            gguf_file=gguf_file,
            download=download,
        )
        self.name = _named(self._source)
        self._most = max_new_tokens
        self._loaded: LoadedModel | None = None
        # A thread of its own: what waits in it can still be cancelled, and weights are loaded once.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cbtguard-writer")

    def load(self) -> None:
        """Load the weights now.

        Raises:
            DependencyError: ``dependency.library`` or ``dependency.model`` for what is not installed.
            WriterError: ``writer.remote_code`` or ``writer.model`` for a model that cannot be used.
        """
        self._thread.submit(self._model).result()

    async def write(self, task: WritingTask) -> Draft:
        """Return the model's draft.

        Raises:
            DependencyError: As :meth:`stream`.
            WriterError: As :meth:`stream`.
        """
        return await self._drafted(task, None)

    async def stream(self, task: WritingTask, on_text: Callable[[str], None]) -> Draft:
        """Return the model's draft, and tell how it begins while it is being written.

        A cancelled call ends the model's work within one token.

        Args:
            task: What is to be written.
            on_text: Given all that is certain of the draft so far, every few tokens, in the event loop.

        Raises:
            DependencyError: As :meth:`load`.
            WriterError: As :meth:`load`; ``writer.no_notes``; ``writer.too_long`` when the question does
                not fit the model; ``writer.failed`` when the model fails.
        """
        return await self._drafted(task, on_text)

    async def _drafted(self, task: WritingTask, on_text: Callable[[str], None] | None) -> Draft:
        stop = threading.Event()
        loop = asyncio.get_running_loop()

        def deliver(text: str) -> None:
            # Nobody listens any more once the call was cancelled.
            if on_text is not None and not stop.is_set():
                on_text(text)

        def told(text: str) -> None:
            if not stop.is_set():
                loop.call_soon_threadsafe(deliver, begun(text, language=task.language))

        listener = told if on_text is not None else None
        try:
            return await loop.run_in_executor(self._thread, self._write, task, stop, listener)
        finally:
            stop.set()

    def _model(self) -> LoadedModel:
        if self._loaded is None:
            self._loaded = load_model(self._source)
        return self._loaded

    def _write(self, task: WritingTask, stop: threading.Event, told: Callable[[str], None] | None) -> Draft:
        loaded = self._model()
        cause = "cancelled"
        try:
            if not stop.is_set():
                fitted = fit_prompt(loaded, task, self._most)
                text = generate_text(loaded, fitted, self._most, stop, told)
                if not stop.is_set():
                    return finished(text, language=task.language, notes=fitted.prompt.notes)
        except CbtguardError:
            raise
        except Exception as error:  # noqa: BLE001 - a model, or its own code, fails in any way
            cause = type(error).__name__
        # Raised out here: the original may quote the prompt.
        raise WriterError(
            "writer.failed",
            f"The local model wrote no draft ({cause}).",
            hint="Check memory, device and weights.",
        )


def _named(source: ModelSource) -> str:
    """A name for answers and records."""
    weights = [] if source.gguf_file is None else [Path(source.gguf_file).stem]
    # A GGUF file says what it holds; the folder it lies in may be anybody's.
    parts = weights if weights and Path(source.name).is_dir() else [short(source.name), *weights]
    if source.adapter is not None:
        parts = [*parts, short(source.adapter)]
    # What the record does not take goes first, so that a name of nothing else can be told.
    return recordable(f"transformers/{recordable('+'.join(parts)).strip('-') or 'model'}")


def _split(name: str, gguf_file: str | None) -> tuple[str, str | None]:
    """The folder and the file of a path that leads to GGUF weights."""
    path = Path(name)
    if gguf_file is None and path.suffix.lower() == ".gguf" and path.is_file():
        return str(path.parent), path.name
    return name, gguf_file


def _expanded(name: str) -> str:
    return str(Path(name).expanduser()) if name.startswith("~") else name
