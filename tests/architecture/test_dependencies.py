"""The design's rules on who may import whom, read off the source itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from machine import REPOSITORY

PACKAGES = {
    "octcluster_embedder": REPOSITORY / "embedder/src/octcluster_embedder",
    "octcluster_clusterer": REPOSITORY / "clusterer/src/octcluster_clusterer",
    "octcluster": REPOSITORY / "client/src/octcluster",
}

# The one file that may import each of these.
HOME_OF = {
    "tensorflow": {"octcluster_embedder/runtimes/tensorflow_runtime.py"},
    "openvino": {"octcluster_embedder/runtimes/openvino_runtime.py"},
    "redis": {"octcluster_clusterer/vector_store/redis_store.py"},
}
STUB_FILES = {
    "octcluster_embedder": {"servicer.py", "conversions.py", "server.py", "__main__.py"},
    "octcluster_clusterer": {
        "servicer.py",
        "conversions.py",
        "result_conversions.py",
        "server.py",
        "__main__.py",
    },
    "octcluster": {
        "embedder_client.py",
        "async_embedder_client.py",
        "embedder_calls.py",
        "embedder_conversions.py",
        "clusterer_client.py",
        "async_clusterer_client.py",
        "clusterer_calls.py",
        "clusterer_conversions.py",
    },
}
MAY_KNOW_GRPC = {
    "octcluster_embedder": {
        "servicer.py",
        "conversions.py",
        "rpc_errors.py",
        "security.py",
        "server.py",
        "health.py",
    },
    "octcluster_clusterer": {
        "servicer.py",
        "conversions.py",
        "result_conversions.py",
        "rpc_errors.py",
        "server.py",
        "health.py",
    },
    "octcluster": STUB_FILES["octcluster"]
    | {
        "connection.py",
        "security.py",
        "errors.py",
    },
}


def source_files(folder: Path) -> list[Path]:
    files = sorted(folder.rglob("*.py"))
    assert files, f"no source under {folder}"
    return files


def imported_modules(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def uses(file: Path, top_level: str) -> bool:
    return any(module.split(".")[0] == top_level for module in imported_modules(file))


@pytest.mark.parametrize("library", sorted(HOME_OF))
def test_heavy_library_has_one_home(library: str) -> None:
    homes = set()
    for name, folder in PACKAGES.items():
        homes |= {
            f"{name}/{file.relative_to(folder)}" for file in source_files(folder) if uses(file, library)
        }
    assert homes == HOME_OF[library]


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_stubs_stay_at_the_edge(package: str) -> None:
    folder = PACKAGES[package]
    found = {
        str(file.relative_to(folder))
        for file in source_files(folder)
        if any(
            "_pb2" in module for module in imported_modules(file) if module.startswith("octcluster_protos")
        )
    }
    assert found
    assert found <= STUB_FILES[package]


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_grpc_stays_at_the_edge(package: str) -> None:
    folder = PACKAGES[package]
    found = {
        str(file.relative_to(folder))
        for file in source_files(folder)
        if any(uses(file, name) for name in ("grpc", "grpc_health", "grpc_reflection", "octcluster_protos"))
    }
    assert found == MAY_KNOW_GRPC[package]


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_packages_meet_only_over_the_wire(package: str) -> None:
    others = set(PACKAGES) - {package}
    for file in source_files(PACKAGES[package]):
        for other in others:
            assert not uses(file, other), f"{file} imports {other}"


@pytest.mark.parametrize("package", ["octcluster_embedder", "octcluster_clusterer"])
def test_only_the_start_reads_the_environment(package: str) -> None:
    folder = PACKAGES[package]
    readers = {
        str(file.relative_to(folder))
        for file in source_files(folder)
        if "os.environ[" in file.read_text()
        or "os.environ.get(" in file.read_text()
        or "os.getenv(" in file.read_text()
    }
    assert readers <= {"settings.py", "__main__.py"}
