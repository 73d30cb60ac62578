"""Where a model's weights come from. Every weights file is known by its SHA-256 before it is read."""

import hashlib
import importlib.metadata
import logging
import os
import tempfile
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path

from octcluster_embedder.errors import ModelUnavailable, SettingError, WeightsAbsent
from octcluster_embedder.models.registry import KerasWeights, ModelSpec, PackagedWeights
from octcluster_embedder.models.weights_content import find_content_fault

_logger = logging.getLogger(__name__)

_DOWNLOAD_SILENCE_SECONDS = 20.0


@dataclass(frozen=True)
class WeightsOptions:
    """Where the operator wants a model's weights to come from.

    Attributes:
        file: A weights file to use instead of the model's own: ``.weights.h5``, ``.h5`` or ``.keras`` of the
            network without its classification head, or ``.pth`` for efficientnet-lite0.
        sha256: What the SHA-256 of the file used must be, in hexadecimal; None accepts any.
        keras_home: Keras's folder; published weights are looked for and downloaded to ``models`` in it.
        download: Whether published weights that are not there are downloaded.
    """

    file: Path | None = None
    sha256: str | None = None
    keras_home: Path = field(default_factory=lambda: Path(os.path.expanduser("~/.keras")))
    download: bool = True


@dataclass(frozen=True)
class Weights:
    """A weights file.

    Attributes:
        path: Where it is.
        digest: Its SHA-256, 64 lower-case hexadecimal digits.
    """

    path: Path
    digest: str


def find_weights(spec: ModelSpec, options: WeightsOptions) -> Weights:
    """Finds a model's weights file, downloading it if there is no other way, and verifies it.

    Args:
        spec: The model.
        options: Where to look.

    Raises:
        SettingError: The file that the options name does not exist, or the model has no weights.
        ModelUnavailable: There are no weights to be had, or their digest is wrong.
        WeightsAbsent: They would have to be downloaded, and the options forbid it.
    """
    if options.file is not None:
        if not options.file.is_file():
            raise SettingError(f"--weights: there is no file {options.file}")
        path = options.file
        _check_content(path)
    elif isinstance(spec.weights, KerasWeights):
        path = _find_published(spec, spec.weights, options.keras_home / "models", download=options.download)
    elif isinstance(spec.weights, PackagedWeights):
        return _check_demanded(_find_packaged(spec.weights), options)
    else:
        raise SettingError(f"the model {spec.name} has no weights")
    return check_digest(path, options)


def check_digest(path: Path, options: WeightsOptions) -> Weights:
    """A weights file by its SHA-256; raises ModelUnavailable if another one is demanded."""
    return _check_demanded(Weights(path, _digest(path, "sha256")), options)


def _check_demanded(weights: Weights, options: WeightsOptions) -> Weights:
    if options.sha256 is not None and weights.digest != options.sha256.lower():
        raise ModelUnavailable(
            f"the SHA-256 of {weights.path} is {weights.digest}, not {options.sha256.lower()} as the "
            "settings demand: get the right file, or correct --weights-sha256"
        )
    return weights


def _check_content(path: Path) -> None:
    """Refuses what is no weights file by its first bytes, before Keras is loaded, which takes seconds."""
    try:
        fault = find_content_fault(path)
    except OSError as error:
        raise ModelUnavailable(
            f"--weights: {path} cannot be read ({error.strerror}): let this user read it"
        ) from error
    if fault:
        raise ModelUnavailable(f"--weights: {path} does not hold weights: {fault}")


@dataclass(frozen=True)
class WeightsDescription:
    """What a model's weights on this machine are like.

    Attributes:
        model: Name of the model.
        sha256: SHA-256 of its weights; None without weights.
        fault: Why the model cannot be loaded, and what to do; None if it can.
        downloadable: Whether a server that starts downloads what is missing.
    """

    model: str
    sha256: str | None = None
    fault: str | None = None
    downloadable: bool = False


def describe_weights(spec: ModelSpec, options: WeightsOptions) -> WeightsDescription:
    """Tells whether a model can be loaded, without loading it or downloading anything.

    Args:
        spec: The model.
        options: Where to look.
    """
    if spec.weights is None:
        return WeightsDescription(spec.name)
    try:
        found = find_weights(spec, replace(options, download=False))
    except (ModelUnavailable, SettingError) as error:
        downloadable = isinstance(error, WeightsAbsent)
        return WeightsDescription(spec.name, fault=str(error), downloadable=downloadable)
    return WeightsDescription(spec.name, found.digest)


def _find_packaged(source: PackagedWeights) -> Weights:
    try:
        path = Path(str(importlib.metadata.distribution(source.distribution).locate_file(source.file)))
    except importlib.metadata.PackageNotFoundError:
        raise ModelUnavailable(
            f"the Python package {source.distribution}, which brings the weights, is missing: install it"
        ) from None
    if not path.is_file() or _digest(path, "sha256") != source.sha256:
        raise ModelUnavailable(
            f"{path} is missing or changed: install the Python package {source.distribution} again"
        )
    return Weights(path, source.sha256)


def _find_published(spec: ModelSpec, source: KerasWeights, folder: Path, *, download: bool) -> Path:
    path = folder / source.file_name
    if path.is_file():
        if _digest(path, "md5") == source.md5:
            return path
        raise ModelUnavailable(
            f"{path} is not the file that Keras publishes for {spec.name} (its MD5 is not {source.md5}): "
            "delete it, or name it with --weights if you mean it"
        )
    if not download:
        raise WeightsAbsent(
            f"the weights of {spec.name} are not on this machine: get {source.url} (MD5 {source.md5}) and "
            f"put it here as {path}"
        )
    _check_writable(spec, source, folder)
    _logger.info("downloading the weights of %s", spec.name)
    try:
        _download(source, path)
    except (OSError, ValueError) as error:
        raise ModelUnavailable(
            f"the weights of {spec.name} are not on this machine and could not be downloaded ({error}). "
            f"On a machine with internet access get {source.url} (MD5 {source.md5}), then either put it here "
            f"as {path} or start with --weights FILE"
        ) from error
    return path


def _check_writable(spec: ModelSpec, source: KerasWeights, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ModelUnavailable(
            f"the weights of {spec.name} are not on this machine, and {folder}, into which they would be "
            f"downloaded, cannot be written ({error.strerror}): name a folder that can be with --keras-home, "
            f"or get {source.url} (MD5 {source.md5}) and name the file with --weights"
        ) from error


def _download(source: KerasWeights, path: Path) -> None:
    """Downloads to a file beside the path, checks it and moves it there: no half file is ever found."""
    unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        with (
            urllib.request.build_opener().open(source.url, timeout=_DOWNLOAD_SILENCE_SECONDS) as response,
            unfinished.open("xb") as file,
        ):
            while block := response.read(1 << 20):
                file.write(block)
        if _digest(unfinished, "md5") != source.md5:
            raise ValueError("what arrived is not the file that Keras publishes")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
