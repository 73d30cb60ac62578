"""What ``octcluster doctor`` looks at: what is installed, and whether the services answer and match."""

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version

from octcluster.clients.clusterer import ClustererClient
from octcluster.clients.embedder import EmbedderClient
from octcluster.local.options import default_cache_dir
from octcluster.local.stack import START_SECONDS
from octcluster.local.weights import WeightsFault, find_faults_of_models
from octcluster.model.errors import OctclusterError, ServerUnavailable
from octcluster.model.progress import Silence
from octcluster.model.runs import MODELS
from octcluster.model.server_info import EmbedderInfo
from octcluster.workflows.extras import find_missing
from octcluster.workflows.services import ServiceOptions, started_services

_PARTS = {
    "octcluster-protos": "pip install ./protos",
    "octcluster-serving": "pip install ./serving, or use servers: --embedder HOST:PORT --clusterer HOST:PORT",
    "octcluster-embedder": "pip install ./serving './embedder[cpu]', or use a server: --embedder HOST:PORT",
    "octcluster-clusterer": "pip install ./serving ./clusterer, or use a server: --clusterer HOST:PORT",
}
_OPTIONAL_EXTRAS = {
    "dicom": ("DICOM files cannot be read", "to read such files"),
    "vendors": ("volumes of most devices cannot be read", "to read such files"),
    "explore": ("'octcluster explore' cannot be used", "to use it"),
}
"""What is not possible without each of them, and when it is to be installed."""
_ANSWER_SECONDS = 5.0
_NO_WEIGHTS = sha256().hexdigest()


@dataclass(frozen=True)
class Finding:
    """One part that was checked.

    Attributes:
        name: What it is.
        detail: What was found.
        cure: What to do about it, in one line; empty if nothing is wrong.
        may_work: Whether the cure is only for the case that a run cannot help itself.
    """

    name: str
    detail: str
    cure: str = ""
    may_work: bool = False

    @property
    def state(self) -> str:
        """``ok``, ``note`` or ``fault``."""
        return "ok" if not self.cure else "note" if self.may_work else "fault"


def diagnose(options: ServiceOptions) -> Iterator[Finding]:
    """Looks at the installation, then at the services that are named, or at ones that it starts.

    Each service is looked at by itself, so that a fault of one hides nothing of the other.

    Args:
        options: Which services.

    Yields:
        What is found, as it is found; nothing is raised for what is wrong.
    """
    yield from _find_installed(options)
    yield from _find_extras(options)
    if options.embedder is None or options.clusterer is None:
        folder = options.cache_dir or default_cache_dir()
        is_other = folder.exists() and not folder.is_dir()
        yield Finding("cache folder", str(folder), "it is no folder: name one with --cache-dir" * is_other)
    yield from _look_at("embedder", options.embedder, options, _look_at_embedder)
    yield from _look_at("clusterer", options.clusterer, options, _look_at_clusterer)


def _find_installed(options: ServiceOptions) -> Iterator[Finding]:
    own = version("octcluster")
    yield Finding("octcluster", f"{own}, Python {platform.python_version()} on {platform.machine()}")
    elsewhere = {
        "octcluster-serving": options.embedder is not None and options.clusterer is not None,
        "octcluster-embedder": options.embedder is not None,
        "octcluster-clusterer": options.clusterer is not None,
    }
    for name, cure in _PARTS.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            if elsewhere.get(name, False):
                yield Finding(name, "not installed, and not needed beside a server")
            else:
                yield Finding(name, "not installed", cure)
        else:
            yield Finding(
                name, found, "" if found == own else f"install version {own} of it, as of octcluster"
            )


def _find_extras(options: ServiceOptions) -> Iterator[Finding]:
    for extra in ("cli", "local"):
        missing = ", ".join(name for name in find_missing(extra) if name not in _PARTS)
        needed = extra == "cli" or options.clusterer is None
        if missing and needed:
            yield Finding(f"extra {extra}", f"{missing} not installed", f"pip install './client[{extra}]'")
        else:
            yield Finding(f"extra {extra}", "not needed beside a server" if missing else "installed")
    for extra, (lack, purpose) in _OPTIONAL_EXTRAS.items():
        missing = ", ".join(find_missing(extra))
        detail = f"{missing} not installed: {lack}" if missing else "installed"
        cure = f"pip install './client[{extra}]', {purpose}" if missing else ""
        yield Finding(f"extra {extra}", detail, cure, may_work=True)


def _look_at(
    name: str,
    address: str | None,
    options: ServiceOptions,
    look: Callable[[ServiceOptions], Iterator[Finding]],
) -> Iterator[Finding]:
    """Looks at one service; what goes wrong is a finding with the error's last words, if it has any."""
    try:
        yield from look(options)
    except ServerUnavailable as error:
        cure = f"start it there, for example with docker compose up --wait, or give its address with --{name}"
        yield Finding(name, str(error), cure)
    except OctclusterError as error:
        told, *last_words = [line.strip() for line in str(error).splitlines() if line.strip()]
        what = "cannot be started here" if address is None else f"no good answer from {address}"
        yield Finding(name, ": ".join([what, *last_words[-1:]]), told)


def _look_at_embedder(options: ServiceOptions) -> Iterator[Finding]:
    if options.embedder is None and options.weights is None:
        fault = find_faults_of_models([str(options.model_file or options.model)]).get(options.model)
        if fault is not None:
            yield _name_fault_of_model(options.model, fault)
            if options.model != MODELS[0]:
                yield from _ask_embedder(replace(options, model=MODELS[0]), with_models=False)
            return
    yield from _ask_embedder(options)


def _name_fault_of_model(model: str, fault: WeightsFault) -> Finding:
    if fault.downloadable:
        detail = "its weights are not on this machine; a run downloads them, which needs internet access"
        return Finding(f"model {model}", detail, f"without internet: {fault.reason}", may_work=True)
    return Finding(f"model {model}", "its weights cannot be used", fault.reason)


def _ask_embedder(options: ServiceOptions, *, with_models: bool = True) -> Iterator[Finding]:
    with (
        _started(options, embedder=True) as (address, seconds, check),
        EmbedderClient(
            options.embedder or address,
            retry_seconds=0,
            tls=options.embedder_tls,
            token=options.embedder_token,
        ) as client,
    ):
        info = client.wait_until_serving(seconds, check)
    yield _check_version("embedder", info.version, options.embedder)
    why = f", because {info.runtime_reason}" if info.runtime_reason else ""
    yield Finding("runtime", f"{info.runtime} on {info.device}{why}")
    if with_models:
        yield from _find_models(info, options.model)


def _find_models(info: EmbedderInfo, wanted: str) -> Iterator[Finding]:
    names = [model.name for model in info.models]
    for model in info.models:
        digests = sorted({space.weights_digest for space in model.spaces.values()} - {_NO_WEIGHTS})
        weights = f"weights {', '.join(digests)}" if digests else "no weights"
        yield Finding(f"model {model.name}", weights)
    if wanted not in names:
        yield Finding(
            f"model {wanted}",
            "this embedder does not serve it",
            f"give --model {names[0]}, or start the embedder with OCTCLUSTER_EMBEDDER_MODELS={wanted}",
        )


def _look_at_clusterer(options: ServiceOptions) -> Iterator[Finding]:
    with (
        _started(options, clusterer=True) as (address, seconds, check),
        ClustererClient(
            options.clusterer or address,
            retry_seconds=0,
            tls=options.clusterer_tls,
            token=options.clusterer_token,
        ) as client,
    ):
        info = client.wait_until_serving(seconds, check)
    yield _check_version("clusterer", info.version, options.clusterer)
    yield Finding("algorithms", ", ".join(algorithm.name for algorithm in info.algorithms))


@contextmanager
def _started(
    options: ServiceOptions, *, embedder: bool = False, clusterer: bool = False
) -> Iterator[tuple[str, float, Callable[[str], None]]]:
    """Starts the one service that is looked at, unless it has an address.

    Yields:
        Its address, how long to wait for an answer, and what raises if the service has died meanwhile.
    """
    with started_services(options, Silence(), embedder=embedder, clusterer=clusterer) as stack:
        if stack is None:
            yield "", _ANSWER_SECONDS, lambda _: None
        else:
            stack.wait_until_started()
            yield stack.embedder_address or stack.clusterer_address, START_SECONDS, lambda _: stack.check()


def _check_version(name: str, found: str, address: str | None) -> Finding:
    own = version("octcluster")
    where = "started here" if address is None else f"answers at {address}"
    cure = (
        ""
        if found == own
        else f"it is {found} and this command {own}: install the same release on both sides"
    )
    return Finding(name, f"{where}, version {found}", cure)
