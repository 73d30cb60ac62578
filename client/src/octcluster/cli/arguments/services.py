"""The arguments that say which services a job uses, and how it reaches them."""

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from octcluster.cli.arguments.command import Command
from octcluster.cli.values import parse_digest
from octcluster.clients.security import Tls, read_token
from octcluster.local.options import default_cache_dir
from octcluster.local.own_model import is_own_model
from octcluster.model.errors import InvalidArguments
from octcluster.model.runs import MODELS
from octcluster.model.suggest import suggest

_SERVICES = ("embedder", "clusterer")
_OWN_CACHE = "octcluster in the user's cache folder"


@dataclass(frozen=True, kw_only=True)
class ServicesCommand(Command):
    """A command that uses the two services.

    Attributes:
        embedder: Address of an embedder; None: start one.
        clusterer: Address of a clusterer; None: start one.
        embedder_tls_ca: Authorities of the embedder's certificate; None: no TLS.
        embedder_tls_cert: Own certificate.
        embedder_tls_key: Private key of the own certificate.
        embedder_tls_name: Name that the embedder's certificate is for; None: the host of its address.
        embedder_token_file: Token that the embedder wants to see.
        clusterer_tls_ca: Authorities of the clusterer's certificate; None: no TLS.
        clusterer_tls_cert: Own certificate.
        clusterer_tls_key: Private key of the own certificate.
        clusterer_tls_name: Name that the clusterer's certificate is for; None: the host of its address.
        clusterer_token_file: Token that the clusterer wants to see.
        cache_dir: Cache folder of services that are started; None: the user's.
        weights: Weights of the model for an embedder that is started; None: the model's own.
        weights_sha256: SHA-256 that the weights must have; None: the one known for the model.
        renew_cache: Whether a damaged cache is set aside, to start anew.
    """

    embedder: str | None
    clusterer: str | None = None
    embedder_tls_ca: Path | None
    embedder_tls_cert: Path | None
    embedder_tls_key: Path | None
    embedder_tls_name: str | None
    embedder_token_file: Path | None
    clusterer_tls_ca: Path | None = None
    clusterer_tls_cert: Path | None = None
    clusterer_tls_key: Path | None = None
    clusterer_tls_name: str | None = None
    clusterer_token_file: Path | None = None
    cache_dir: Path | None
    weights: Path | None = None
    weights_sha256: str | None = None
    renew_cache: bool = False

    def record(self) -> dict[str, object]:
        """See Command; paths that another command needs to find things are absolute."""
        found = super().record()
        if self.clusterer is None:
            found["cache_dir"] = str((self.cache_dir or default_cache_dir()).absolute())
        if is_own_model(model := str(found.get("model"))):
            found["model"] = str(Path(model).absolute())
        if self.weights is not None:
            found["weights"] = str(self.weights.absolute())
        return found

    def service_fields(self) -> dict[str, Any]:
        """The fields of ServiceOptions but the model.

        Raises:
            InvalidArguments: Arguments do not go together, or the weights or a token cannot be read.
        """
        self._check_weights()
        if self.renew_cache and self.clusterer is not None:
            raise InvalidArguments(
                "--renew-cache is for the cache of a clusterer that is started here: leave it out, or leave "
                "out --clusterer"
            )
        names = ("embedder", "clusterer", "cache_dir", "weights", "weights_sha256", "renew_cache")
        fields = {name: getattr(self, name) for name in names}
        for service in _SERVICES:
            fields[f"{service}_tls"], fields[f"{service}_token"] = self._read_access(service)
        return fields

    def check_model(self, model: str) -> None:
        """Raises InvalidArguments if an embedder that is started here cannot have the model."""
        if self.embedder is not None and is_own_model(model):
            raise InvalidArguments(
                f"--model {model}: an embedder that runs serves what its operator gave it: give its name "
                "there, or leave out --embedder"
            )
        if self.embedder is None and model not in MODELS and not is_own_model(model):
            raise InvalidArguments(
                f"--model {model}: there is no such model; take {', '.join(MODELS)}, or an ONNX file, or "
                f"name an embedder that has it with --embedder{suggest(model, MODELS)}"
            )

    def _check_weights(self) -> None:
        if self.embedder is not None and (self.weights or self.weights_sha256):
            raise InvalidArguments(
                "--weights and --weights-sha256 are for the embedder that a run starts itself: leave them "
                "out, or leave out --embedder"
            )
        if self.weights is not None and not self.weights.is_file():
            raise InvalidArguments(f"--weights {self.weights}: there is no such file")

    def _read_access(self, service: str) -> tuple[Tls | None, str | None]:
        """How a service is reached: its TLS and its token, each None if it is not used."""
        ca, cert, key, name, token_file = (
            getattr(self, f"{service}_{part}")
            for part in ("tls_ca", "tls_cert", "tls_key", "tls_name", "token_file")
        )
        given = [value for value in (ca, cert, key, name) if value is not None]
        if getattr(self, service) is None and (given or token_file):
            raise InvalidArguments(
                f"--{service}-tls-... and --{service}-token-file need --{service} HOST:PORT"
            )
        if given and ca is None:
            raise InvalidArguments(
                f"--{service}-tls-cert, -key and -name need --{service}-tls-ca: it turns TLS on"
            )
        token = None if token_file is None else read_token(token_file)
        return None if ca is None else Tls(ca, cert, key, name), token


def add_services(
    parser: ArgumentParser, default: str, *, weights: bool = True, cache: str = _OWN_CACHE
) -> None:
    """Adds the arguments.

    Args:
        parser: Gets the arguments.
        default: What is used where no service is named.
        weights: Whether the weights of the one model can be named.
        cache: Which cache folder is used where none is named.
    """
    group = parser.add_argument_group("services")
    add = group.add_argument
    _add_embedder_address(group, default)
    add("--clusterer", metavar="HOST:PORT", help=f"clusterer to use (default: {default})")
    for service in _SERVICES:
        _add_security(group, service)
    add(
        "--cache-dir",
        metavar="DIR",
        type=Path,
        help=f"where services that are started here keep vectors, runs and models (default: {cache})",
    )
    add(
        "--renew-cache",
        action="store_true",
        help="if the vectors and runs in the cache cannot be read for damage, set their file aside and start "
        "anew (default: stop and say so)",
    )
    if weights:
        _add_weights(group)


def add_embedder(parser: ArgumentParser) -> None:
    """Adds the arguments of a command that needs no clusterer of its user."""
    group = parser.add_argument_group("embedder")
    _add_embedder_address(group, "start one; with --dask-scheduler one on each worker")
    _add_security(group, "embedder")
    group.add_argument(
        "--cache-dir",
        metavar="DIR",
        type=Path,
        help=f"where an embedder that is started keeps its models (default: {_OWN_CACHE})",
    )
    _add_weights(group)


def _add_embedder_address(group: Any, default: str) -> None:
    group.add_argument(
        "--embedder",
        metavar="HOST:PORT",
        help="embedder to use, or several with commas between: each is kept at work, and if one dies the "
        f"others do its work (default: {default})",
    )


def _add_weights(group: Any) -> None:
    add = group.add_argument
    add(
        "--weights",
        metavar="FILE",
        type=Path,
        help="weights for the model, for an embedder that is started here (default: the model's own)",
    )
    add(
        "--weights-sha256",
        metavar="DIGEST",
        type=parse_digest,
        help="SHA-256 that the weights must have (default: the one known for the model)",
    )


def _add_security(group: Any, service: str) -> None:
    def add(part: str, metavar: str, text: str) -> None:
        kind = str if metavar == "NAME" else Path
        group.add_argument(f"--{service}-{part}", metavar=metavar, type=kind, help=text)

    add(
        "tls-ca",
        "FILE",
        f"speak TLS with the {service}, whose certificate one of these authorities signed, PEM (default: "
        "plain text, for the own machine and closed networks)",
    )
    add("tls-cert", "FILE", f"own certificate, if the {service} wants one, PEM")
    add("tls-key", "FILE", f"private key of --{service}-tls-cert, PEM")
    add(
        "tls-name", "NAME", f"name that the {service}'s certificate is for (default: the host of --{service})"
    )
    add("token-file", "FILE", f"token that the {service} wants to see; a file that only you may read")
