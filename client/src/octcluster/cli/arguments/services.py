"""The arguments that say which services a job uses, and how it reaches them."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from octcluster.cli.values import parse_digest
from octcluster.clients.security import Tls, read_token
from octcluster.model.errors import InvalidArguments

_OWN_CACHE = "octcluster in the user's cache folder"


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
    else:
        parser.set_defaults(weights=None, weights_sha256=None)


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


def read_embedder_access(options: Namespace) -> tuple[Tls | None, str | None]:
    """Reads how the embedder is reached: its TLS and its token, each None if it is not used.

    Raises:
        InvalidArguments: Arguments do not go together, or the token cannot be read.
    """
    ca, cert, key = options.embedder_tls_ca, options.embedder_tls_cert, options.embedder_tls_key
    given = [value for value in (ca, cert, key, options.embedder_tls_name) if value is not None]
    if options.embedder is None and (given or options.embedder_token_file):
        raise InvalidArguments("--embedder-tls-... and --embedder-token-file need --embedder HOST:PORT")
    if given and ca is None:
        raise InvalidArguments("--embedder-tls-cert, -key and -name need --embedder-tls-ca: it turns TLS on")
    token = None if options.embedder_token_file is None else read_token(options.embedder_token_file)
    tls = None if ca is None else Tls(ca, cert, key, options.embedder_tls_name)
    return tls, token
