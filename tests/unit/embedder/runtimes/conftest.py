"""The default model in both runtimes, loaded once for all files of this folder."""

from pathlib import Path

import pytest
from octcluster_embedder.runtimes.loading import load_runtime
from octcluster_embedder.runtimes.openvino_runtime import OpenVinoRuntime
from octcluster_embedder.runtimes.runtime import Runtime


@pytest.fixture(scope="session")
def openvino_runtime(model_cache: Path) -> OpenVinoRuntime:
    runtime = load_runtime("openvino", cache_dir=model_cache)
    assert isinstance(runtime, OpenVinoRuntime)
    return runtime


@pytest.fixture(scope="session")
def jax_runtime() -> Runtime:
    return load_runtime("jax")
