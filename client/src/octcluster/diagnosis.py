"""What ``octcluster doctor`` looks at: what is installed, and whether the services answer and match."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TypeVar

from octcluster.clusterer_client import ClustererClient
from octcluster.embedder_client import EmbedderClient
from octcluster.errors import OctclusterError
from octcluster.progress import Progress
from octcluster.workflows.connections import ServiceOptions, connected_clients, started_services
from octcluster.workflows.stages import Stages

T = TypeVar("T")

_PARTS = {
    "octcluster-protos": "pip install ./protos",
    "octcluster-embedder": "pip install './embedder[cpu]', or use a server: --embedder HOST:PORT",
    "octcluster-clusterer": "pip install ./clusterer, or use a server: --clusterer HOST:PORT",
}
_MODULES_FOR_THE_COMMAND = ("jinja2", "PIL", "plotly", "pyarrow", "rich", "shtab")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What it is.
        detail: What was found.
        cure: What to do about it; empty if nothing is wrong.
    """

    name: str
    detail: str
    cure: str = ""


def diagnose(options: ServiceOptions, progress: Progress) -> list[Finding]:
    """Looks at the installation, then at the services that are named, or at ones that it starts.

    Args:
        options: Which services.
        progress: Told while services start.

    Returns:
        What was found; nothing is raised for what is wrong.
    """
    findings = [*_find_installed(options), *_find_modules()]
    try:
        with (
            started_services(options, progress) as stack,
            connected_clients(options, stack, Stages(progress)) as (embedder, clusterer),
        ):
            findings += _ask(_describe_embedder, embedder, "embedder")
            findings += _ask(_describe_clusterer, clusterer, "clusterer")
    except OctclusterError as error:
        findings.append(Finding("services", "do not come up", str(error)))
    return findings


def _find_installed(options: ServiceOptions) -> list[Finding]:
    own = version("octcluster")
    findings = [Finding("octcluster", f"{own}, Python {platform.python_version()} on {platform.machine()}")]
    elsewhere = {
        "octcluster-embedder": options.embedder is not None,
        "octcluster-clusterer": options.clusterer is not None,
    }
    for name, cure in _PARTS.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            needed = not elsewhere.get(name, False)
            findings.append(Finding(name, "not installed", cure if needed else ""))
        else:
            findings.append(Finding(name, found, "" if found == own else f"install version {own} of it"))
    return findings


def _find_modules() -> list[Finding]:
    missing = [module for module in _MODULES_FOR_THE_COMMAND if find_spec(module) is None]
    if missing:
        return [Finding("extra cli", f"{', '.join(missing)} not installed", "pip install './client[cli]'")]
    return [Finding("extra cli", "installed")]


def _ask(describe: Callable[[T], list[Finding]], client: T, name: str) -> list[Finding]:
    try:
        return describe(client)
    except OctclusterError as error:
        return [Finding(name, "does not answer", str(error))]


def _describe_embedder(embedder: EmbedderClient) -> list[Finding]:
    info = embedder.info()
    why = "TensorFlow where it sees a GPU, else OpenVINO, unless --runtime of the embedder says otherwise"
    findings = [
        _check_version("embedder", info.version),
        Finding("runtime", f"{info.runtime} on {info.device} ({why})"),
    ]
    for model in info.models:
        digests = sorted({space.weights_digest for space in model.spaces.values()})
        findings.append(Finding(f"model {model.name}", f"weights {', '.join(digests) or 'none'}"))
    return findings


def _describe_clusterer(clusterer: ClustererClient) -> list[Finding]:
    info = clusterer.info()
    return [
        _check_version("clusterer", info.version),
        Finding("algorithms", ", ".join(info.algorithms)),
    ]


def _check_version(name: str, found: str) -> Finding:
    own = version("octcluster")
    cure = "" if found == own else f"update it or this client: both should be version {max(own, found)}"
    return Finding(name, f"serving, version {found}", cure)
