"""Fixtures and switches that all tests share."""

import fcntl
import gc
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

# Before NumPy comes: two tests at once share the processors, and threads that wait may not spin.
os.environ.update({"OMP_WAIT_POLICY": "passive", "OPENBLAS_THREAD_TIMEOUT": "16"} | os.environ)

import hypothesis
import machine
import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

pytest_plugins = ["processor_time"]

# Collecting makes a million objects that stay: to look through them for garbage again and again is in vain.
gc.disable()

# How long an example takes says nothing about the program: a machine may stall.
hypothesis.settings.register_profile(
    "tests", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("tests")


@pytest.fixture(scope="session")
def oct_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of OCT images in class folders: real ones where the machine has them, else phantoms."""
    folder = machine.real_images()
    if folder is not None:
        return folder
    from octcluster.images.phantoms import write_phantoms

    folder = tmp_path_factory.mktemp("phantoms")
    write_phantoms(folder, images_per_class=24, seed=0)
    return folder


@pytest.fixture(scope="session")
def model_cache(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of converted models that outlives the test run: converting takes 15 s of processor time.

    Of the processes that run tests at once, one converts, and the others wait for it. It does so as a user's
    first command: on a cache that is empty.
    """
    folder = request.config.cache.mkdir("octcluster-models")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if any(folder.iterdir()):
            command = ["octcluster_embedder", "--prepare-only", "--cache-dir", str(folder)]
            subprocess.run([sys.executable, "-m", *command], check=True)  # does nothing if that is sound
        else:
            cache = tmp_path_factory.mktemp("empty")
            (cache / "models").symlink_to(folder)
            command = ["octcluster", "doctor", "--cache-dir", str(cache)]
            subprocess.run([sys.executable, "-m", *command], check=True)
            assert any(folder.iterdir()), "the first command has converted no model"
    return folder


def pytest_report_header() -> list[str]:
    real = machine.real_images() is not None
    return [
        f"OCT images: {'real ones (OCT2017)' if real else 'phantoms, made by the project'}",
        "redis-server: " + ("found" if machine.redis_server() else "missing: those tests use Valkey only"),
    ]


# Files that share a run, containers, servers, a cluster or Keras: twice takes longer than to wait.
_TOGETHER = (
    "tests/compose/",
    "tests/e2e/",
    "tests/integration/client/",
    "tests/integration/clusterer/test_dask_",
    "tests/integration/gateway/",
    "tests/unit/embedder/",
)


class TestsWithTheirServers(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps on one worker the tests that share a server: those of a file, or of a folder."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((folder for folder in _TOGETHER if file.startswith(folder)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> TestsWithTheirServers:
    return TestsWithTheirServers(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts long folders first and files without a heavy test last, so that the workers end together."""
    unit_tests = [item for item in items if item.nodeid.startswith("tests/unit/")]
    heavy = {item.path for item in unit_tests if item.get_closest_marker("heavy")}
    light = {item.path for item in unit_tests} - heavy
    items.sort(key=lambda item: (item.path in light, not item.nodeid.startswith(_TOGETHER)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped test is a failure where OCTCLUSTER_TESTS_COMPLETE is 1, whoever skipped it."""
    report = yield
    if report.skipped and os.environ.get("OCTCLUSTER_TESTS_COMPLETE") == "1":
        report.outcome = "failed"
        report.longrepr = f"{report.longrepr} (this run may not skip tests)"
    return report
