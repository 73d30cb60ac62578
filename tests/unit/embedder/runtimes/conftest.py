"""The default model in both runtimes, loaded once for all files of this folder."""

from pathlib import Path

import pytest
from octcluster_embedder.runtimes.loading import load_runtime
from octcluster_embedder.runtimes.openvino_runtime import OpenVinoRuntime
from octcluster_embedder.runtimes.runtime import Runtime

# What int8 computes differs on processors without these. There the embedder refuses it: see test_runtimes.py.
INT8_FLAGS = {"avx512_vnni", "avx_vnni", "amx_int8"}
collect_ignore = [] if INT8_FLAGS & set(Path("/proc/cpuinfo").read_text().split()) else ["test_int8.py"]


@pytest.fixture(scope="session")
def openvino_runtime(model_cache: Path) -> OpenVinoRuntime:
    runtime = load_runtime("openvino", cache_dir=model_cache)
    assert isinstance(runtime, OpenVinoRuntime)
    return runtime


@pytest.fixture(scope="session")
def jax_runtime() -> Runtime:
    return load_runtime("jax")
