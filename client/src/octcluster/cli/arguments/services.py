"""The arguments that say which services a job uses, and how it reaches them."""

from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from octcluster.cli.arguments.command import Command
from octcluster.cli.values import parse_digest
from octcluster.clients.security import Tls, read_token
from octcluster.local.options import default_cache_dir
from octcluster.model.errors import InvalidArguments
from octcluster.model.runs import MODELS
from octcluster.model.suggest import suggest

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
        cache_dir: Cache folder of services that are started; None: the user's.
        weights: Weights of the model for an embedder that is started; None: the model's own.
        weights_sha256: SHA-256 that the weights must have; None: the one known for the model.
    """

    embedder: str | None
    clusterer: str | None
    embedder_tls_ca: Path | None
    embedder_tls_cert: Path | None
    embedder_tls_key: Path | None
    embedder_tls_name: str | None
    embedder_token_file: Path | None
    cache_dir: Path | None
    weights: Path | None = None
    weights_sha256: str | None = None

    def record(self) -> dict[str, object]:
        """See Command; paths that another command needs to find things are absolute."""
        found = super().record()
        if self.clusterer is None:
            found["cache_dir"] = str((self.cache_dir or default_cache_dir()).absolute())
        if self.weights is not None:
            found["weights"] = str(self.weights.absolute())
        return found

    def service_fields(self) -> dict[str, Any]:
        """The fields of ServiceOptions but the model.

        Raises:
            InvalidArguments: Arguments do not go together, or the weights or the token cannot be read.
        """
        self._check_weights()
        tls, token = self._read_embedder_access()
        names = ("embedder", "clusterer", "cache_dir", "weights", "weights_sha256")
        return {name: getattr(self, name) for name in names} | {"embedder_tls": tls, "embedder_token": token}

    def check_model(self, model: str) -> None:
        """Raises InvalidArguments if an embedder that is started here cannot have the model."""
        if self.embedder is None and model not in MODELS:
            raise InvalidArguments(
                f"--model {model}: there is no such model; take {', '.join(MODELS)}, or name an "
                f"embedder that has it with --embedder{suggest(model, MODELS)}"
            )

    def _check_weights(self) -> None:
        if self.embedder is not None and (self.weights or self.weights_sha256):
            raise InvalidArguments(
                "--weights and --weights-sha256 are for the embedder that a run starts itself: leave them "
                "out, or leave out --embedder"
            )
        if self.weights is not None and not self.weights.is_file():
            raise InvalidArguments(f"--weights {self.weights}: there is no such file")

    def _read_embedder_access(self) -> tuple[Tls | None, str | None]:
        """How the embedder is reached: its TLS and its token, each None if it is not used."""
        ca, cert, key = self.embedder_tls_ca, self.embedder_tls_cert, self.embedder_tls_key
        given = [value for value in (ca, cert, key, self.embedder_tls_name) if value is not None]
        if self.embedder is None and (given or self.embedder_token_file):
            raise InvalidArguments("--embedder-tls-... and --embedder-token-file need --embedder HOST:PORT")
        if given and ca is None:
            raise InvalidArguments(
                "--embedder-tls-cert, -key and -name need --embedder-tls-ca: it turns TLS on"
            )
        token = None if self.embedder_token_file is None else read_token(self.embedder_token_file)
        tls = None if ca is None else Tls(ca, cert, key, self.embedder_tls_name)
        return tls, token


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
    add("--embedder", metavar="HOST:PORT", help=f"embedder to use (default: {default})")
    add("--clusterer", metavar="HOST:PORT", help=f"clusterer to use (default: {default})")
    _add_security(group)
    add(
        "--cache-dir",
        metavar="DIR",
        type=Path,
        help=f"where services that are started here keep vectors, runs and models (default: {cache})",
    )
    if weights:
        _add_weights(group)


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


def _add_security(group: Any) -> None:
    add = group.add_argument
    add(
        "--embedder-tls-ca",
        metavar="FILE",
        type=Path,
        help="speak TLS with the embedder, whose certificate one of these authorities signed, PEM (default: "
        "plain text, for the own machine and closed networks)",
    )
    add(
        "--embedder-tls-cert",
        metavar="FILE",
        type=Path,
        help="own certificate, if the embedder wants one, PEM",
    )
    add("--embedder-tls-key", metavar="FILE", type=Path, help="private key of --embedder-tls-cert, PEM")
    add(
        "--embedder-tls-name",
        metavar="NAME",
        help="name that the embedder's certificate is for (default: the host of --embedder)",
    )
    add("--embedder-token-file", metavar="FILE", type=Path, help="token that the embedder wants to see")
