"""``model.npz``: a finished run as a file, for new images on any machine, at any time.

    NPZ archive, not compressed ─┬─ model.json   the run: recipe, embedding space, clusters and their classes
                                 ├─ fitted.json  ╮ the clusterer's own file of what it fitted, opaque to the
                                 ├─ *.npy        ╯ client: it checks them when it gets them back
                                 └─ comment      sha256:... of all bytes before these digits

No image key, no name and no patient is in it. The digest tells damage, and one file from another. It is no
signature: take the file from where you trust it.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from octcluster.model.errors import InvalidArguments
from octcluster.model.run_model import RunModel
from octcluster.model.runs import EmbeddingSpace, Unit

FILE_NAME = "model.npz"
FORMAT = "octcluster-model"
VERSION = 1
"""Raised when an older octcluster would misread the file."""
_DESCRIPTION = "model.json"
_SEAL = b"sha256:"
_DIGEST_DIGITS = 64
_MAX_FILE_BYTES = 256 << 20
_MAX_DESCRIPTION_BYTES = 4 << 20
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
_CURE = "copy it once more from the result of 'octcluster run', or repeat the run"


def write_model(model: RunModel) -> bytes:
    """Writes a run as a file; equal runs give equal bytes.

    Args:
        model: The run, with what was fitted.

    Returns:
        The file's content.
    """
    stream = io.BytesIO()
    with ZipFile(io.BytesIO(model.fitted or b"")) as fitted, ZipFile(stream, "w", ZIP_STORED) as archive:
        archive.writestr(ZipInfo(_DESCRIPTION, _FIRST_DAY), json.dumps(_describe(model), indent=1))
        _copy(fitted, archive)
        archive.comment = _SEAL + b"0" * _DIGEST_DIGITS
    content = stream.getvalue()[:-_DIGEST_DIGITS]
    return content + sha256(content).hexdigest().encode()


def read_model(path: Path) -> RunModel:
    """Reads what ``write_model`` wrote.

    Args:
        path: The file.

    Returns:
        The run, with what was fitted.

    Raises:
        InvalidArguments: It is no such file, is damaged, or is of another version; the message says what to
            do.
        OSError: It cannot be read.
    """
    if path.stat().st_size > _MAX_FILE_BYTES:
        raise InvalidArguments(f"{path} is no {FILE_NAME} of octcluster: it is too large. {_find_another()}")
    content = path.read_bytes()
    digest = _check_seal(path, content)
    fitted = io.BytesIO()
    try:
        with ZipFile(io.BytesIO(content)) as archive, ZipFile(fitted, "w", ZIP_STORED) as own:
            infos = {info.filename: info for info in archive.infolist()}
            described = infos.get(_DESCRIPTION)
            if described is None or described.file_size > _MAX_DESCRIPTION_BYTES:
                raise ValueError
            if any(info.compress_type != ZIP_STORED for info in infos.values()):
                raise ValueError
            document = json.loads(archive.read(described))
            _check_version(path, document)
            _copy(archive, own)
        model = _read_description(document)
    except (BadZipFile, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InvalidArguments(
            f"{path} does not hold what a {FILE_NAME} of octcluster must: {_CURE}"
        ) from None
    return replace(model, fitted=fitted.getvalue(), digest=digest)


def _copy(source: ZipFile, target: ZipFile) -> None:
    """Copies all members but the description."""
    for info in source.infolist():
        if info.filename != _DESCRIPTION:
            target.writestr(ZipInfo(info.filename, _FIRST_DAY), source.read(info))


def _check_seal(path: Path, content: bytes) -> str:
    """The SHA-256 of a whole file, if the one that it ends in is right."""
    body, told = content[:-_DIGEST_DIGITS], content[-_DIGEST_DIGITS:]
    if not content.startswith(b"PK"):
        raise InvalidArguments(f"{path} is no {FILE_NAME} of octcluster. {_find_another()}")
    if not body.endswith(_SEAL) or sha256(body).hexdigest().encode() != told:
        raise InvalidArguments(
            f"{path} is damaged, was changed, or is no {FILE_NAME} of octcluster: its digest is wrong or "
            f"missing. {_CURE[0].upper()}{_CURE[1:]}"
        )
    return sha256(content).hexdigest()


def _find_another() -> str:
    return f"Give the {FILE_NAME} that 'octcluster run' wrote, or its whole folder"


def _check_version(path: Path, document: Mapping[str, Any]) -> None:
    if document["format"] != FORMAT:
        raise ValueError
    if document["version"] != VERSION:
        release = str(document.get("versions", {}).get("octcluster", "another release"))
        raise InvalidArguments(
            f"{path} has format {document['version']}, and this octcluster reads format {VERSION}: use the "
            f"release that wrote it ({release}), or repeat the run with this one"
        )


def _describe(model: RunModel) -> dict[str, object]:
    """What model.json says."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "run_id": model.run_id,
        "result_id": model.result_id,
        "started": model.started,
        "versions": dict(model.versions),
        "recipe": model.recipe,
        "algorithm": model.algorithm,
        "seed": model.seed,
        "unit": model.unit,
        "space": {**asdict(model.space), "digest": model.space.digest.hex()},
        "classes": None if model.class_sizes is None else dict(model.class_sizes),
        "clusters": [
            {"cluster": cluster, "images": size, "class": model.class_of_cluster.get(cluster)}
            for cluster, size in enumerate(model.cluster_sizes)
        ],
    }


def _read_description(document: Mapping[str, Any]) -> RunModel:
    """Reads model.json; raises ValueError, KeyError, TypeError or AttributeError if it is none."""
    known = {field.name for field in fields(EmbeddingSpace)}
    space: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in document["space"].items()
        if name in known
    }
    clusters = document["clusters"]
    if [one["cluster"] for one in clusters] != list(range(len(clusters))):
        raise ValueError
    classes, unit = document["classes"], document["unit"]
    if unit not in get_args(Unit):
        raise ValueError
    return RunModel(
        run_id=str(document["run_id"]),
        result_id=str(document["result_id"]),
        space=EmbeddingSpace(**{**space, "digest": bytes.fromhex(space["digest"])}),
        cluster_sizes=[int(one["images"]) for one in clusters],
        class_sizes=None if classes is None else {str(name): int(size) for name, size in classes.items()},
        class_of_cluster={one["cluster"]: str(one["class"]) for one in clusters if one["class"] is not None},
        algorithm=str(document["algorithm"]),
        recipe=str(document["recipe"]),
        unit=unit,
        seed=None if document["seed"] is None else int(document["seed"]),
        started=str(document["started"]),
        versions={str(name): str(version) for name, version in document["versions"].items()},
    )
