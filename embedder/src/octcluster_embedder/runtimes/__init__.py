"""How a model is run: one file a runtime, and each the only file that imports its library.

A new runtime is one file here with a class that keeps the promise of ``runtime.Runtime`` and a function
``load``, and one line each in ``RuntimeName`` and ``_MODULES`` of ``loading.py``. Whatever it computes with,
its vectors must agree with the others' (cosine at least 0.9999), since an embedding space does not name the
runtime.
"""

import sys

# OpenVINO imports its telemetry, which calls home, if it is there, and does without if it is not. Each
# process imports this first: the server, and the one that converts a model, where Keras imports OpenVINO.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
