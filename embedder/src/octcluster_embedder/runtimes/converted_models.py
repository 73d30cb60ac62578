"""Converted models on disk, so that only a model's first start needs Keras."""

import hashlib
import importlib.metadata
import json
import logging
import uuid
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

from octcluster_embedder.models.registry import GRAPH_VERSION, ModelSpec
from octcluster_embedder.models.weights import Weights

# The way of a network to OpenVINO; another one rounds other constants. 1: through TensorFlow, 2: from Keras.
_CONVERSION = 2
QUANTIZATION = 1
"""Version of the way to a network in int8."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ConvertedModel:
    """A model in OpenVINO's format: the network as XML and its constants."""

    network: bytes
    constants: bytes


class ConvertedModelCache:
    """A folder with one file for each model, weights, way of conversion and version of its libraries.

    A file is a zip archive that carries a SHA-256 of what it was made from and of both its parts. It is
    written under another name and moved into place. One that is damaged all the same, or is another model's,
    counts as missing: a wrong model would give wrong vectors, and nobody would see it.
    """

    def __init__(self, folder: Path | None, openvino_version: str) -> None:
        self._folder = folder
        self._openvino_version = openvino_version

    def read(self, spec: ModelSpec, weights: Weights, calibration: str = "") -> ConvertedModel | None:
        """Returns the converted model, or None if it is not there, damaged or another one.

        Args:
            spec: The model.
            weights: Its weights.
            calibration: SHA-256 of the images that it was quantized with; empty: it is in float32.
        """
        if self._folder is None:
            return None
        path = self._path(self._folder, spec, weights, calibration)
        try:
            with zipfile.ZipFile(path) as archive:
                converted = ConvertedModel(archive.read("network.xml"), archive.read("constants.bin"))
                told = archive.read("sha256").decode()
            if told != _digest(path, converted):
                raise ValueError("its SHA-256 is another one than it says")
        except FileNotFoundError:
            return None
        except Exception as error:  # whatever damage makes of a zip archive
            _logger.warning("the converted model %s is damaged and will be made anew: %s", path.name, error)
            return None
        return converted

    def write(
        self, spec: ModelSpec, weights: Weights, converted: ConvertedModel, calibration: str = ""
    ) -> None:
        """Stores a converted model. Where that is impossible, the next start converts it again."""
        if self._folder is None:
            return
        path = self._path(self._folder, spec, weights, calibration)
        unfinished = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                with zipfile.ZipFile(unfinished, "x") as archive:
                    archive.writestr("network.xml", converted.network)
                    archive.writestr("constants.bin", converted.constants)
                    archive.writestr("sha256", _digest(path, converted))
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
        except OSError as error:
            _logger.warning("the converted model could not be kept in %s: %s", self._folder, error)

    def _path(self, folder: Path, spec: ModelSpec, weights: Weights, calibration: str) -> Path:
        made_from = {
            **({"quantization": QUANTIZATION, "calibration": calibration} if calibration else {}),
            "spec": asdict(spec),
            "graph": GRAPH_VERSION,
            "weights": weights.digest,
            "conversion": _CONVERSION,
            "openvino": self._openvino_version,
            "keras": importlib.metadata.version("keras"),
        }
        digest = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
        return folder / f"{spec.name}-{digest}.openvino.zip"


def _digest(path: Path, converted: ConvertedModel) -> str:
    """SHA-256 of a file's name, which says what the model was made from, and of both parts."""
    digest = hashlib.sha256(path.name.encode())
    for part in (converted.network, converted.constants):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()
