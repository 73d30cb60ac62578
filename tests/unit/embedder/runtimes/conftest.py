"""The default model in both runtimes, loaded once for all files of this folder."""

from pathlib import Path

import pytest
from octcluster_embedder.runtimes.loading import load_runtime
from octcluster_embedder.runtimes.openvino_runtime import OpenVinoRuntime
from octcluster_embedder.runtimes.runtime import Runtime


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def openvino_runtime(cache_dir: Path) -> OpenVinoRuntime:
    runtime = load_runtime("openvino", cache_dir=cache_dir)
    assert isinstance(runtime, OpenVinoRuntime)
    return runtime


@pytest.fixture(scope="session")
def tensorflow_runtime() -> Runtime:
    return load_runtime("tensorflow")
