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

# What may be imported only in the files named, relative to each package. "embedder:x" holds for one package.
HOME_OF = {
    "tensorflow": {"octcluster_embedder/runtimes/tensorflow_runtime.py"},
    "openvino": {"octcluster_embedder/runtimes/openvino_runtime.py"},
    "redis": {"octcluster_clusterer/vector_store/redis_store.py"},
}
STUB_FILES = {
    "octcluster_embedder": {"servicer.py", "conversions.py", "server.py", "__main__.py"},
    "octcluster_clusterer": {"servicer.py", "conversions.py", "server.py", "__main__.py"},
    "octcluster": {"embedder_client.py", "clusterer_client.py", "conversions.py"},
}
KNOWS_NO_GRPC = {
    "octcluster_embedder": [
        "image_decoding.py",
        "batching.py",
        "embedding.py",
        "spaces.py",
        "models",
        "runtimes",
    ],
    "octcluster_clusterer": [
        "pipeline.py",
        "preparation.py",
        "runs.py",
        "run_queue.py",
        "run_store.py",
        "clustering",
        "scoring",
        "vector_store",
    ],
    "octcluster": ["runs.py", "image_set.py", "image_folder.py", "image_keys.py", "outputs", "phantoms.py"],
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
def test_plain_core_knows_no_grpc(package: str) -> None:
    folder = PACKAGES[package]
    for entry in KNOWS_NO_GRPC[package]:
        path = folder / entry
        files = source_files(path) if path.is_dir() else [path]
        for file in files:
            assert not uses(file, "grpc"), file
            assert not uses(file, "octcluster_protos"), file


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
