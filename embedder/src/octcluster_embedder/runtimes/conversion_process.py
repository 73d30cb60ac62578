"""Has a process of its own make a network in OpenVINO's format: what it imports is not the server's."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from octcluster_embedder.errors import ModelUnavailable
from octcluster_embedder.runtimes.converted_models import ConvertedModel

GAVE_A_REASON = 3
"""Exit code of a module that has printed, as its last line, why there can be no network."""


def run_conversion(module: str, name: str, *arguments: str) -> ConvertedModel:
    """Runs ``python -m octcluster_embedder.runtimes.MODULE ARGUMENTS FOLDER`` in an empty folder.

    Args:
        module: A module of this package that writes ``network.xml`` and ``network.bin`` to a folder.
        name: The model, for messages.
        arguments: What the module takes before the folder.

    Raises:
        ModelUnavailable: It has made none, with the last line that it printed.
    """
    with tempfile.TemporaryDirectory(prefix="octcluster-convert-") as folder:
        done = subprocess.run(
            [sys.executable, "-m", f"octcluster_embedder.runtimes.{module}", *arguments, folder],
            env={**os.environ, "KERAS_BACKEND": "openvino"},
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            if done.returncode == GAVE_A_REASON:
                raise ModelUnavailable(done.stdout.strip().splitlines()[-1])
            raise ModelUnavailable(
                f"the process that makes {name} for OpenVINO ended with {done.returncode}: is memory short?"
            )
        network = Path(folder) / "network.xml"
        return ConvertedModel(network.read_bytes(), network.with_suffix(".bin").read_bytes())
