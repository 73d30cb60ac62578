"""The library is thin."""

import json
import subprocess
import sys

PROBE = """
import json, sys, time
began = time.perf_counter()
from octcluster import *
print(json.dumps({"seconds": time.perf_counter() - began, "modules": sorted(sys.modules)}))
"""


def test_import_needs_grpc_and_protobuf_alone() -> None:
    probe = json.loads(subprocess.run([sys.executable, "-c", PROBE], capture_output=True, check=True).stdout)
    loaded = {name.split(".")[0] for name in probe["modules"]}
    heavy = {
        "numpy",
        "jax",
        "openvino",
        "redis",
        "valkey",
        "PIL",
        "sklearn",
        "rich",
        "jinja2",
        "pydicom",
        "imagecodecs",
    }
    assert not loaded & (heavy | {"octcluster_embedder", "octcluster_clusterer"})


def test_import_does_without_fcntl_as_on_windows() -> None:
    program = "import sys; sys.modules['fcntl'] = None; from octcluster import *"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_process_that_reads_files_starts_without_grpc() -> None:
    program = "import sys, octcluster.images.readers.worker; sys.exit('grpc' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
