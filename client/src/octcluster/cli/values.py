"""What the values of the command's arguments mean, and what is said of those that mean nothing."""

import re
from argparse import ArgumentTypeError
from pathlib import Path

from octcluster.images.scan_choice import ALL, MIDDLE
from octcluster.model.cluster_range import read_cluster_range
from octcluster.model.runs import ALGORITHMS, VIEWS
from octcluster.model.suggest import suggest

MAX_SEED = 2**32 - 1
MAX_RESAMPLES = 100
MAX_PORT = 65535


def parse_clusters(text: str) -> tuple[int, int]:
    """Reads ``4`` or ``2:10`` as smallest and largest number of clusters."""
    try:
        return read_cluster_range(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def parse_pca(text: str) -> float | int:
    """Reads a share of the variance, which has a dot, or a count of components."""
    cure = "write a share of the variance above 0 and at most 1 with a dot (0.95), or a count (64)"
    if re.fullmatch(r"\d+", text) and int(text) >= 1:
        return int(text)
    if re.fullmatch(r"\d*\.\d+|\d+\.", text) and 0 < float(text) <= 1:
        return float(text)
    raise ArgumentTypeError(f"'{text}' cannot be used: {cure}")


def parse_algorithms(text: str) -> tuple[str, ...]:
    """Reads names of algorithms with commas between; a name that comes twice counts once."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in ALGORITHMS:
            raise ArgumentTypeError(
                f"'{name}' is no algorithm: take {', '.join(ALGORITHMS)}, with commas between"
                f"{suggest(name, ALGORITHMS)}"
            )
    return names


def parse_views(text: str) -> tuple[str, ...]:
    """Reads ``plain``, ``retina``, or both with a comma between, in any order."""
    names = {name.strip() for name in text.split(",")}
    views = tuple(name for name in VIEWS[-1] if name in names)
    if len(views) < len(names) or views not in VIEWS:
        choices = " or ".join(map(",".join, VIEWS))
        raise ArgumentTypeError(f"'{text}' cannot be used: write {choices}")
    return views


def parse_scans(text: str) -> str | int:
    """Reads ``all``, ``middle``, or a number of B-scans."""
    if text in (ALL, MIDDLE):
        return text
    if text.isdecimal() and int(text) >= 1:
        return int(text)
    raise ArgumentTypeError(f"'{text}' cannot be used: write all, middle, or how many B-scans of each volume")


def parse_seed(text: str) -> int:
    """Reads a seed."""
    if not text.isdecimal() or int(text) > MAX_SEED:
        raise ArgumentTypeError(f"'{text}' is no seed: write a whole number from 0 to {MAX_SEED}")
    return int(text)


def parse_positive(text: str) -> int:
    """Reads a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"'{text}' cannot be used: write a whole number from 1")
    return int(text)


def parse_port(text: str) -> int:
    """Reads a port; 0 is any that is free."""
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise ArgumentTypeError(f"'{text}' is no port: write a whole number from 0 to {MAX_PORT}")
    return int(text)


def parse_resamples(text: str) -> int:
    """Reads a number of resamples."""
    if not text.isdecimal() or int(text) > MAX_RESAMPLES:
        raise ArgumentTypeError(f"'{text}' cannot be used: write a whole number from 0 to {MAX_RESAMPLES}")
    return int(text)


def parse_digest(text: str) -> str:
    """Reads a SHA-256 as 64 hexadecimal digits."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ArgumentTypeError(f"'{text}' is no SHA-256: write its 64 hexadecimal digits")
    return text.lower()


def parse_store(text: str) -> str:
    """Reads a folder, ``file:///FOLDER`` or ``s3://BUCKET/PREFIX`` as the URL of a vector store."""
    protocol, separator, _ = text.partition("://")
    if not separator:
        return Path(text).absolute().as_uri()
    if protocol in ("file", "s3"):
        return text
    raise ArgumentTypeError(
        f"'{text}' is no vector store: name a folder, file:///FOLDER or s3://BUCKET/PREFIX"
    )
