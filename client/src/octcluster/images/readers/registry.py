"""All readers, and which of them a file is for: its content decides, not its name."""

import importlib
from collections.abc import Sequence
from functools import cache
from pathlib import PurePath
from typing import NamedTuple

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.reader import Reader


class RegisteredReader(NamedTuple):
    """A reader, and what it needs.

    Attributes:
        reader: The reader; its module imports nothing heavy.
        extra: The extra of octcluster that brings its modules.
        modules: Libraries that it imports when it is used.
    """

    reader: Reader
    extra: str
    modules: Sequence[str]

    def prepare(self) -> None:
        """Imports what the reader needs, before time and memory are counted for a file.

        Raises:
            UnreadableImage: A library is not installed.
        """
        for module in self.modules:
            try:
                importlib.import_module(module)
            except ModuleNotFoundError as error:
                raise self.explain_missing(error) from error

    def explain_missing(self, error: ModuleNotFoundError) -> UnreadableImage:
        """Says how to install what could not be imported."""
        return UnreadableImage(
            f"{self.reader.format} files are read with {error.name}, which is not installed: "
            f"pip install 'octcluster[{self.extra}]'"
        )


@cache
def list_readers() -> tuple[RegisteredReader, ...]:
    """All readers, which are imported once they are needed; a new format is two lines here.

    Formats whose files begin like those of others come before them.
    """
    from octcluster.images.readers.bioptigen import BioptigenReader  # noqa: PLC0415
    from octcluster.images.readers.dicom import DicomReader  # noqa: PLC0415
    from octcluster.images.readers.frames import FramesReader  # noqa: PLC0415
    from octcluster.images.readers.heidelberg import (  # noqa: PLC0415
        HeidelbergE2eReader,
        HeidelbergVolReader,
        HeidelbergXmlReader,
    )
    from octcluster.images.readers.optovue import OptovueReader  # noqa: PLC0415
    from octcluster.images.readers.tiff import TiffReader  # noqa: PLC0415
    from octcluster.images.readers.topcon import TopconReader  # noqa: PLC0415
    from octcluster.images.readers.zeiss import ZeissImgReader  # noqa: PLC0415

    numeric = ("numpy", "PIL.Image")
    decoders = ("imagecodecs", "jpeg_ls", "openjpeg", "pylibjpeg")  # pydicom takes those that it finds
    return (
        RegisteredReader(DicomReader(), "dicom", (*numeric, "pydicom.pixels", *decoders)),
        RegisteredReader(HeidelbergVolReader(), "vendors", numeric),
        RegisteredReader(HeidelbergXmlReader(), "cli", ("PIL.Image",)),
        RegisteredReader(HeidelbergE2eReader(), "vendors", numeric),
        RegisteredReader(TopconReader(), "vendors", numeric),
        RegisteredReader(ZeissImgReader(), "vendors", numeric),
        RegisteredReader(BioptigenReader(), "vendors", numeric),
        RegisteredReader(OptovueReader(), "vendors", numeric),
        RegisteredReader(FramesReader(), "cli", ("PIL.WebPImagePlugin", "PIL.PngImagePlugin")),
        RegisteredReader(TiffReader(), "cli", ("PIL.TiffImagePlugin",)),
    )


def find_reader(path: PurePath, head: bytes) -> RegisteredReader | None:
    """Finds the reader for a file.

    Args:
        path: The file; its ending counts only for formats that have no header.
        head: Its beginning; see Reader.recognises.

    Returns:
        The first reader that recognises it, or None.
    """
    for registered in list_readers():
        if registered.reader.recognises(head):
            return registered
    ending = path.suffix.lower()
    return next((found for found in list_readers() if ending in found.reader.endings), None)
