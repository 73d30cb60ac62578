"""What the same command left in a folder before: another result is replaced only when that is asked for."""

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path

from octcluster.images.image_set import ImageSet
from octcluster.model.errors import InvalidArguments
from octcluster.outputs.atomic_files import lock_file
from octcluster.outputs.folder import HISTORY
from octcluster.outputs.wording.words import count
from octcluster.workflows.run import RunOptions

REQUEST = "request"
"""What a record keeps its request under, among the arguments."""
_IMAGES = "images"
_WITHOUT_SAY = frozenset(("umap", "stability", "vectors"))
"""Options that change no cluster."""
_BYTES = 16


def request_run(options: RunOptions, image_set: ImageSet, content: str = "") -> dict[str, object]:
    """What decides on the result of a run, as JSON values by the names of the options.

    Args:
        options: The options, however they were given.
        image_set: The images.
        content: Digest of the images' content, where their names do not tell them apart.
    """
    asked = {
        "k": (options.min_clusters, options.max_clusters),
        "model": options.model,
        "recipe": asdict(options.chosen_recipe),
        "seed": options.seed,
        "stability": options.stability_resamples,
        "umap": options.umap,
        "unit": options.unit,
        "vectors": options.vectors,
        "weights": options.weights_sha256 or options.weights,
    }
    return request(asked, image_set, content)


def request(asked: Mapping[str, object], image_set: ImageSet, content: str = "") -> dict[str, object]:
    """The same for other commands, of what was asked for."""
    digest = blake2b(content.encode(), digest_size=_BYTES)
    for scan in image_set.images:
        digest.update(repr((scan.name, scan.label, scan.patient, scan.eye, scan.visit)).encode())
    values: dict[str, object] = json.loads(json.dumps(dict(asked), default=str))
    return values | {_IMAGES: digest.hexdigest()}


def check_replaceable(record: Path, asked: Mapping[str, object], *, overwrite: bool = False) -> None:
    """Makes sure that the result in a folder, if there is one, is of the same images and options.

    Args:
        record: The file that the command leaves last, with its request.
        asked: The request now.
        overwrite: Whether another result may be replaced; not one on which a person has worked.

    Raises:
        InvalidArguments: It is of others, or does not tell.
    """
    if not record.exists():
        return
    earlier = _read_request(record)
    others = sorted(name for name in {*earlier, *asked} if earlier.get(name) != asked.get(name))
    if not others:
        return
    if overwrite:
        _check_work(record.parent, others)
        return
    kinds = ["of other images"] if _IMAGES in others else []
    if options := ", ".join(name for name in others if name != _IMAGES):
        kinds.append(f"with other options ({options})")
    told = " and ".join(kinds) if earlier else "that does not tell of which images and options it is"
    raise InvalidArguments(
        f"{record.parent} holds a result {told}: name another folder for the outputs, or ask for it to be "
        "replaced (--overwrite, in Python overwrite=True)"
    )


def _check_work(folder: Path, others: Sequence[str]) -> None:
    """Raises InvalidArguments if a person has worked on a result whose clusters go, or works on it now."""
    history = folder / HISTORY
    if _WITHOUT_SAY.issuperset(others) or not history.exists():
        return
    if _is_locked(history):
        raise InvalidArguments(
            f"an 'octcluster explore' works on {folder}, and the new result would have other clusters: end "
            "it first, or name another folder for the outputs"
        )
    if told := _describe_acts(history):
        raise InvalidArguments(
            f"{folder} holds {told} ({HISTORY}), which fits no other result: name another folder for the "
            f"outputs, or move {HISTORY} away"
        )


def _is_locked(path: Path) -> bool:
    """Whether another process holds the lock of a file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return lock_file(descriptor) is False
    finally:
        os.close(descriptor)


def _describe_acts(history: Path) -> str:
    """How many acts of whom a history holds, as far as it can be read; nothing of an empty one."""
    lines = history.read_bytes().splitlines()
    people: dict[str, None] = {}
    acts = 0
    for line in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            entry = json.loads(line)
            people[str(entry["who"])] = None
            acts += entry["kind"] == "act"
    by = ", ".join(people) or "a person"
    return f"{count(acts, 'act')} of {by} on its groups" if lines else ""


def _read_request(record: Path) -> Mapping[str, object]:
    """That of the earlier command; nothing where the record does not tell."""
    try:
        found = json.loads(record.read_bytes())["arguments"][REQUEST]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}
