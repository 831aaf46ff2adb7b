"""Where a local model comes from: its place on this machine, its libraries, its own code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from cbtguard.safety.errors import DependencyError, WriterError


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """Where a model comes from and how it is held."""

    name: str
    """Folder, or hub name."""
    device: str | None = None
    """Such as ``cpu`` or ``cuda:0``; None for the first accelerator, else the CPU."""
    dtype: str | None = None
    """Such as ``bfloat16``; None for that of the weights, on a CPU bfloat16 in place of float16."""
    trust_remote_code: bool = False
    """Whether code that lies beside the weights may run."""
    adapter: str | None = None
    """LoRA adapter: folder, or hub name."""
    gguf_file: str | None = None
    """File name of GGUF weights in the folder or repository."""
    download: bool = False
    """Whether what is not on this machine is fetched."""
    folder: str | None = None
    """Where a hub name was found on this machine."""

    @property
    def place(self) -> str:
        """What transformers is given."""
        return self.folder or self.name


def need_library(library: str, why: str) -> None:
    """Raise unless a library is installed.

    Raises:
        DependencyError: ``dependency.library``.
    """
    if find_spec(library) is None:
        raise DependencyError(
            "dependency.library", f"The library {library} is not installed. {why}", hint=f"Install {library}."
        )


def on_this_machine(source: ModelSource) -> ModelSource:
    """Return the source with hub names turned into folders of the local cache, unless it may download.

    With a hub name transformers asks the hub to convert weights of the older format even where it may
    only use local files; with a folder it has nothing to ask.

    Raises:
        OSError: When a name is neither a folder nor in the cache.
    """
    if source.download:
        return source
    return replace(source, folder=_cached(source.name), adapter=source.adapter and _cached(source.adapter))


def refuse_code(source: ModelSource) -> None:
    """Raise where a model runs code of its own that is not trusted.

    transformers would say so with a question on the terminal, or with a long traceback.

    Raises:
        WriterError: ``writer.remote_code``.
        OSError: When the model has no configuration.
    """
    from transformers import PreTrainedConfig  # noqa: PLC0415 - imports torch
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING  # noqa: PLC0415 - the same

    if source.trust_remote_code or source.gguf_file is not None:
        return
    config, _ = PreTrainedConfig.get_config_dict(source.place, local_files_only=not source.download)
    if "auto_map" in config and config.get("model_type") not in CONFIG_MAPPING:
        raise WriterError(
            "writer.remote_code",
            f"The model {source.name!r} runs code from its own repository, which is not allowed.",
            hint="Read that code; if you trust it, set writer_trust_remote_code.",
        )


def _cached(name: str) -> str:
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - keeps start-up short
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415 - the same

    if Path(name).is_dir():
        return name
    try:
        return str(snapshot_download(name, local_files_only=True))
    except HFValidationError as error:
        # A path that does not exist is no hub name either.
        raise FileNotFoundError(name) from error
