"""Who may import whom: one table, held against the source itself."""

import ast
import functools
import shutil
from pathlib import Path

import pytest
from machine import REPOSITORY

SOURCES = {
    "octcluster": REPOSITORY / "client/src/octcluster",
    "octcluster_clusterer": REPOSITORY / "clusterer/src/octcluster_clusterer",
    "octcluster_embedder": REPOSITORY / "embedder/src/octcluster_embedder",
    "octcluster_gateway": REPOSITORY / "gateway/src/octcluster_gateway",
    "octcluster_serving": REPOSITORY / "serving/src/octcluster_serving",
}
SERVICES = ("octcluster_clusterer", "octcluster_embedder")

# The packages that a package may use; all others it reaches over the wire alone.
_SHARED = {
    **{service: {"octcluster_serving"} for service in SERVICES},
    "octcluster_gateway": {"octcluster", "octcluster_serving"},
}

# The folders and modules of each package, from the outermost to the ground: each may import those after it.
_ORDER = """
octcluster: __main__ __init__ public sklearn notebook notebook_surveys notebook_images notebook_options
    notebook_results given_images cli explorer outputs workflows local clients images
    model concurrency
octcluster_clusterer: __main__ __init__ serving dask_programs dask_settings settings runs trust mapping
    clustering scoring assignment preparation engine store
    shared_work tiles fixed_tree memory metrics model errors
octcluster_embedder: __main__ __init__ serving settings queueing runtimes models images spaces metrics errors
octcluster_gateway: __main__ __init__ cli serving settings command_settings web_settings copy_settings
    outgoing_settings service_settings spool_settings secret_files
    receiving processing results deidentification pseudonyms audit spool metrics model errors
octcluster_serving: __init__ server calls health tracing tokens certificates callers watched_files requests
    metrics logs service settings addresses processors starting errors
"""
LAYERS = {
    package: names.split()
    for package, _, names in (line.partition(":") for line in _ORDER.replace("\n    ", " ").split("\n"))
    if package
}

# The only places that may import each of these: what is not named here may be imported anywhere.
HOMES = {
    "jax": {"octcluster_embedder/runtimes/jax_runtime.py"},
    "nncf": {"octcluster_embedder/runtimes/openvino_quantization.py"},
    "openvino": {
        "octcluster_embedder/runtimes/openvino_runtime.py",
        "octcluster_embedder/runtimes/openvino_conversion.py",
        "octcluster_embedder/runtimes/openvino_precisions.py",
        "octcluster_embedder/runtimes/openvino_quantization.py",
        "octcluster_embedder/runtimes/onnx_conversion.py",
    },
    "redis": {"octcluster_clusterer/store/redis.py"},
    "pydantic_settings": {
        "octcluster_gateway/command_settings.py",
        "octcluster_gateway/spool_settings.py",
        "octcluster_clusterer/dask_settings.py",
        *(f"{package}/settings.py" for package in (*SERVICES, "octcluster_gateway", "octcluster_serving")),
    },
    "dask": {"octcluster_clusterer/dask_programs/"},
    "distributed": {
        "octcluster_clusterer/dask_programs/",
        "octcluster_clusterer/engine/",
        "octcluster/clients/dask_tasks.py",
    },
    "prometheus_client": {"octcluster_serving/metrics.py"},
    "grpc_health": {"octcluster_serving"},
    "grpc_reflection": {"octcluster_serving"},
    "opentelemetry": {"octcluster_serving/calls.py", "octcluster_serving/tracing.py"},
    "octcluster_protos": {"octcluster/clients", *(f"{service}/serving" for service in SERVICES)},
    "rich": {"octcluster/cli/terminal"},
    "jinja2": {"octcluster/outputs/pages"},
    "pyarrow": {
        "octcluster_clusterer/store/parquet/",
        "octcluster/explorer/result.py",
        "octcluster/outputs/",
        "octcluster/workflows/",
        "octcluster_gateway/results/parquet.py",
    },
    "pydicom": {
        "octcluster/images/readers/dicom/",
        "octcluster_gateway/deidentification/",
        "octcluster_gateway/results/",
        "octcluster_gateway/spool/files.py",
        "octcluster_gateway/spool/reading.py",
        "octcluster_gateway/receiving/stow.py",
        "octcluster_gateway/receiving/commitment.py",
    },
    "pynetdicom": {"octcluster_gateway/receiving/", "octcluster_gateway/results/sending.py"},
    "hypercorn": {"octcluster_gateway/receiving/stow.py"},
    "starlette": {"octcluster/explorer/server/", "octcluster_gateway/receiving/stow.py"},
    "uvicorn": {"octcluster/explorer/server/serving.py"},
    "python_multipart": {"octcluster_gateway/receiving/parts.py"},
    "dicomweb_client": {"octcluster_gateway/receiving/pulling.py"},
    "requests": {"octcluster_gateway/receiving/pulling.py"},
    "cryptography": {"octcluster_gateway/pseudonyms/"},
    "highdicom": {"octcluster_gateway/results/structured_report.py"},
    "imagecodecs": {"octcluster/images/readers/dicom/"},
}
HOMES["grpc"] = HOMES["octcluster_protos"] | {"octcluster_serving"}


def modules_of(package: str) -> dict[str, Path]:
    """The files of a package by their dotted name below it; of a folder, its ``__init__``."""
    root = SOURCES[package]
    found = {}
    for file in sorted(root.rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)] = file
    assert found, f"no source under {root}"
    return found


def imported_names(file: Path) -> list[str]:
    """What a file imports, anywhere in it: of ``from a import b`` it is ``a.b``."""
    return find_imports(file.read_text())


@functools.cache
def find_imports(source: str) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"from {'.' * node.level}: a relative import hides what it names"
            found += (f"{node.module}.{alias.name}" for alias in node.names)
    return found


def imports_within(package: str) -> dict[str, set[str]]:
    """The modules of a package that each of its modules imports."""
    modules = modules_of(package)

    def module_of(name: str) -> str:
        inner = name.removeprefix(f"{package}.")
        return next((found for found in (inner, inner.rpartition(".")[0]) if found in modules), "__init__")

    return {
        module: {module_of(name) for name in imported_names(file) if name.split(".")[0] == package}
        for module, file in modules.items()
    }


def find_faults(package: str) -> list[str]:
    """Each import that goes against the table, with file, folder and rule."""
    layers, files = LAYERS[package], modules_of(package)
    faults = []
    for module, imported in imports_within(package).items():
        own = module.split(".")[0]
        allowed = [own, *layers[layers.index(own) + 1 :]]
        faults += [
            f"{files[module].relative_to(REPOSITORY)} imports {package}.{other}: "
            f"{own} may import only {', '.join(allowed)}"
            for other in sorted(imported)
            if other.split(".")[0] not in allowed
        ]
    return faults


@pytest.mark.parametrize("package", sorted(SOURCES))
def test_imports_go_downwards(package: str) -> None:
    assert find_faults(package) == []


@pytest.mark.parametrize("package", sorted(SOURCES))
def test_every_layer_is_there(package: str) -> None:
    there = {module.split(".")[0] for module in modules_of(package)}
    assert there == set(LAYERS[package])


@pytest.mark.parametrize("package", sorted(SOURCES))
def test_no_circle_of_imports(package: str) -> None:
    left = imports_within(package)
    while done := {module for module, imported in left.items() if not imported & left.keys() - {module}}:
        left = {module: imported for module, imported in left.items() if module not in done}
    assert sorted(left) == []


@pytest.mark.parametrize("library", sorted(HOMES))
def test_library_stays_at_home(library: str) -> None:
    users = {
        f"{package}/{file.relative_to(SOURCES[package])}"
        for package in SOURCES
        for file in modules_of(package).values()
        if any(name.split(".")[0] == library for name in imported_names(file))
    }
    strangers = {user for user in users if not any(user.startswith(home) for home in HOMES[library])}
    assert users
    assert strangers == set(), f"{library} may be imported only in {', '.join(sorted(HOMES[library]))}"


@pytest.mark.parametrize("package", sorted(SOURCES))
def test_packages_meet_only_over_the_wire(package: str) -> None:
    # Both services may use what they share; it knows none of them, and the client does without it.
    # The gateway is a client of both services.
    others = set(SOURCES) - {package} - _SHARED.get(package, set())
    for file in modules_of(package).values():
        met = {name.split(".")[0] for name in imported_names(file)} & others
        assert met == set(), f"{file.relative_to(REPOSITORY)} imports {met}"


@pytest.mark.parametrize("package", [*SERVICES, "octcluster_gateway", "octcluster_serving"])
def test_only_the_start_reads_the_environment(package: str) -> None:
    readers = {
        name
        for name, file in modules_of(package).items()
        if any(call in file.read_text() for call in ("os.environ[", "os.environ.get(", "os.getenv("))
    }
    assert readers <= {"settings", "__main__"}


@pytest.mark.parametrize("package", sorted(SOURCES))
def test_no_file_is_long(package: str) -> None:
    lengths = {name: len(file.read_text().splitlines()) for name, file in modules_of(package).items()}
    assert {name: length for name, length in lengths.items() if length > 300} == {}


@pytest.mark.parametrize(
    ("package", "module", "imported"),
    [
        ("octcluster", "model/runs.py", "octcluster.cli.values"),
        ("octcluster", "images/folder.py", "octcluster.clients.connection"),
        ("octcluster", "images/keys.py", "octcluster.__init__"),
        ("octcluster_clusterer", "scoring/agreement.py", "octcluster_clusterer.runs.pipeline"),
        ("octcluster_embedder", "images/decoding.py", "octcluster_embedder.queueing.admission"),
        ("octcluster_serving", "addresses.py", "octcluster_serving.server"),
    ],
)
def test_a_planted_import_is_found(
    package: str, module: str, imported: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / package
    shutil.copytree(SOURCES[package], copy)
    planted = copy / module
    planted.write_text(f"import {imported.removesuffix('.__init__')}\n{planted.read_text()}")
    monkeypatch.setitem(SOURCES, package, copy)
    monkeypatch.setattr(f"{__name__}.REPOSITORY", tmp_path)
    fault = "\n".join(find_faults(package))
    folder = module.split("/", maxsplit=1)[0].removesuffix(".py")
    assert f"{package}/{module} imports {imported}: {folder} may import only " in fault
