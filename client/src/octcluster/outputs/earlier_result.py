"""What the same command left in a folder before: another result is replaced only when that is asked for."""

import json
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

from octcluster.images.image_set import ImageSet
from octcluster.model.errors import InvalidArguments

IMAGES_DIGEST = "images_digest"
_BYTES = 16
_SERVICES = ("embedder", "clusterer")
_NO_SAY = {
    "command", "images", "out", "strict", "quiet", "debug", "overwrite", "thumbnails", "identified",
    "cache_dir", "renew_cache",
}  # fmt: skip
"""Arguments that change nothing of what is found."""


def add_images_digest(arguments: Mapping[str, object], image_set: ImageSet) -> dict[str, object]:
    """Adds to a command's arguments which images it takes, whatever the folder's own name and place.

    Args:
        arguments: JSON values by name.
        image_set: The images, with what is known of them.
    """
    digest = blake2b(digest_size=_BYTES)
    for scan in image_set.images:
        digest.update(repr((scan.name, scan.label, scan.patient, scan.eye, scan.visit)).encode())
    return {**arguments, IMAGES_DIGEST: digest.hexdigest()}


def check_replaceable(record: Path, arguments: Mapping[str, object]) -> None:
    """Makes sure that the result in a folder, if there is one, is of the same images and options.

    Args:
        record: The file that the command leaves last, with the arguments that it was given.
        arguments: Those that it is given now, with the digest of the images.

    Raises:
        InvalidArguments: It is of others, or cannot be read.
    """
    if not record.exists():
        return
    others = _find_differing(_read_arguments(record), json.loads(json.dumps(arguments, default=str)))
    if not others:
        return
    options = ", ".join(_name_option(name) for name in others if name != IMAGES_DIGEST)
    kinds = ["of other images"] if IMAGES_DIGEST in others else []
    kinds += [f"with other options ({options})"] if options else []
    raise InvalidArguments(
        f"{record.parent} holds a result {' and '.join(kinds)}: name another folder for the outputs, or ask "
        "for it to be replaced (--overwrite)"
    )


def _read_arguments(record: Path) -> Mapping[str, object]:
    """Those of the earlier command; none where the record cannot be read, which are others then."""
    try:
        found = json.loads(record.read_bytes())["arguments"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _find_differing(earlier: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    names = {name for name in {*earlier, *now} - _NO_SAY if not name.startswith(_SERVICES)}
    return sorted(name for name in names if earlier.get(name) != now.get(name))


def _name_option(name: str) -> str:
    return "-k" if name == "k" else f"--{name.replace('_', '-')}"
