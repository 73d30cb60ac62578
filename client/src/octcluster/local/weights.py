"""Which models an embedder on this machine could load."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from octcluster.local.options import LocalStackOptions
from octcluster.local.programs import check_installed, python_command
from octcluster.model.errors import LocalStackError


@dataclass(frozen=True)
class WeightsFault:
    """Why an embedder started here could not load a model.

    Attributes:
        reason: Why, and what to do.
        downloadable: Whether the weights are only missing, so that an embedder that starts downloads them.
    """

    reason: str
    downloadable: bool


def find_faults_of_models(models: Sequence[str]) -> dict[str, WeightsFault]:
    """Tells which models an embedder started here could not load, since their weights are not at hand.

    Args:
        models: Names of models.

    Returns:
        The faults by name of the model; models that can be loaded are left out. Nothing is downloaded.

    Raises:
        ExtraNotInstalled: The embedder is not installed.
        LocalStackError: It does not answer.
    """
    check_installed(LocalStackOptions(clusterer=False))
    command = python_command("octcluster_embedder", "--check-weights", "--models", ",".join(models))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalStackError(f"the embedder cannot be started: {done.stderr.strip()}")
    described = map(json.loads, done.stdout.splitlines())
    return {
        one["model"]: WeightsFault(one["fault"], one["downloadable"])
        for one in described
        if one["fault"] is not None
    }
