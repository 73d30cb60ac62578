"""Makes a network in int8 from a converted one, with images that say which ranges of values to round."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from octcluster_embedder.errors import SettingError
from octcluster_embedder.runtimes.conversion_process import run_conversion
from octcluster_embedder.runtimes.converted_models import ConvertedModel

MOST_IMAGES = 64
"""More make no better ranges."""
FEWEST_IMAGES = 16
"""Fewer may show too little of what there is."""
_ENDINGS = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp"}


@dataclass(frozen=True)
class Calibration:
    """The images that a network in int8 is made with.

    Attributes:
        images: Their files.
        digest: SHA-256 of what is in them, 64 hexadecimal digits.
    """

    images: tuple[Path, ...]
    digest: str

    @classmethod
    def choose(cls, folder: Path) -> "Calibration":
        """Chooses images of a folder and the folders in it, the same ones each time, of all parts alike.

        Args:
            folder: A folder with JPEG, PNG, TIFF or BMP files.

        Raises:
            SettingError: It, or a folder in it, cannot be read; or it holds too few.
        """
        try:
            paths = [path for path in _walk(folder) if path.suffix.lower() in _ENDINGS and path.is_file()]
            # Their order by a hash of their names has nothing to do with what the names say.
            paths.sort(key=lambda path: hashlib.sha256(os.fsencode(path.relative_to(folder))).digest())
            digests: dict[bytes, Path] = {}
            for path in paths:
                digests.setdefault(hashlib.sha256(path.read_bytes()).digest(), path)
                if len(digests) == MOST_IMAGES:
                    break
        except OSError as error:
            raise SettingError(
                f"--calibration-images {folder} cannot be read as a whole: {error.strerror}: correct the "
                "rights of all that is in it"
            ) from error
        if len(digests) < FEWEST_IMAGES:
            raise SettingError(
                f"--calibration-images {folder} holds {len(digests)} different images: put at least "
                f"{FEWEST_IMAGES} JPEG, PNG, TIFF or BMP files there, best {MOST_IMAGES}; octcluster "
                "phantoms makes some"
            )
        ordered = sorted(digests)
        images = tuple(digests[digest].absolute() for digest in ordered)
        return cls(images, hashlib.sha256(b"".join(ordered)).hexdigest())


def _walk(folder: Path) -> Iterator[Path]:
    """All files; a folder that cannot be read is an error, as without it others would be chosen."""

    def fail(error: OSError) -> None:
        raise error

    for parent, _, names in os.walk(folder, onerror=fail):
        yield from (Path(parent, name) for name in names)


def quantize(name: str, converted: ConvertedModel, calibration: Calibration) -> ConvertedModel:
    """Quantizes a network after its training, in a process of its own; see ``openvino_quantization``.

    Args:
        name: The model's name, for messages.
        converted: Its network in float32.
        calibration: The images; no more of them than ranges of values is kept.

    Raises:
        SettingError: NNCF is not installed.
        ModelUnavailable: Too few of the images can be read, or the network does not bear int8.
    """
    if find_spec("nncf") is None:
        raise SettingError(
            "precision int8 needs NNCF the first time: install octcluster-embedder[int8], or bring the cache "
            "folder of a machine that has it"
        )
    with tempfile.TemporaryDirectory(prefix="octcluster-quantize-") as source:
        folder = Path(source)
        (folder / "network.xml").write_bytes(converted.network)
        (folder / "network.bin").write_bytes(converted.constants)
        (folder / "images").write_bytes(b"\0".join(map(os.fsencode, calibration.images)))
        return run_conversion("openvino_quantization", name, source)
