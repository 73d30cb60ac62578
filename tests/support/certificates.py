"""Certificates for tests: an authority, a server on 127.0.0.1 and gpu-box, and a client."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, PEM files."""

    cert: Path
    key: Path


@dataclass(frozen=True)
class Certificates:
    """What an authority signed."""

    ca: Path
    server: Pair
    client: Pair


def make_certificates(folder: Path) -> Certificates:
    """Makes an authority and what it signs, in a new folder."""
    folder.mkdir()
    authority = _make(folder, "authority", "-addext", "basicConstraints=critical,CA:TRUE")
    signed = ("-CA", str(authority.cert), "-CAkey", str(authority.key))
    plain = (*signed, "-addext", "basicConstraints=critical,CA:FALSE", "-addext")
    server = _make(folder, "server", *plain, "subjectAltName=DNS:gpu-box,IP:127.0.0.1")
    client = _make(folder, "client", *plain, "extendedKeyUsage=clientAuth")
    return Certificates(authority.cert, server, client)


def _make(folder: Path, name: str, *options: str) -> Pair:
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += [
        "-days",
        "2",
        "-subj",
        f"/CN={name}",
        "-keyout",
        str(pair.key),
        "-out",
        str(pair.cert),
        *options,
    ]
    subprocess.run(command, check=True, capture_output=True)
    return pair
