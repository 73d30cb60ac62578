"""From a frame as it is stored to its values."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.dicom.file import read_integer
from octcluster.images.readers.dicom.frames import DECODERS, Frames, Layout, check_codestream
from octcluster.images.readers.dicom.reasons import DAMAGED


def decode_frame(frames: Frames, index: int) -> NDArray[Any]:
    """Decodes one frame.

    Args:
        frames: The frames of an open file.
        index: From 0.

    Returns:
        Integers of 8 or 16 bits, signed or not, shape (height, width); or uint8 (height, width, 3) as RGB.

    Raises:
        UnreadableImage: It cannot be decoded.
    """
    try:
        values = _decode(frames, index)
    except UnreadableImage:
        raise
    except MemoryError:
        raise
    except Exception:  # every decoder raises kinds of its own, some with what it read in them
        raise UnreadableImage(DAMAGED) from None
    layout = frames.layout
    shape = (layout.height, layout.width) + ((3,) if layout.samples == 3 else ())
    if values.shape != shape or values.dtype.kind not in "iu" or values.dtype.itemsize > 2:
        raise UnreadableImage(DAMAGED)
    return values


def _decode(frames: Frames, index: int) -> NDArray[Any]:
    file, layout = frames.file, frames.layout
    options: dict[str, Any] = {
        "rows": layout.height,
        "columns": layout.width,
        "samples_per_pixel": layout.samples,
        "bits_allocated": layout.bits_allocated,
        "bits_stored": layout.bits_stored,
        "pixel_representation": int(layout.is_signed),
        "photometric_interpretation": layout.photometric,
        "planar_configuration": read_integer(file.header, "PlanarConfiguration", 0),
        "pixel_keyword": "PixelData",
        "number_of_frames": 1,
    }
    decoder = get_decoder(file.syntax)
    if frames.parts is not None:
        codestream = frames.read_codestream(index)
        check_codestream(frames, codestream)
        plugin = DECODERS[file.syntax]
        if file.syntax == uid.JPEGExtended12Bit and layout.bits_allocated > 8:
            return _decode_twelve_bits(codestream, layout)
        source = encapsulate([codestream], has_bot=False)
        return decoder.as_array(source, index=0, decoding_plugin=plugin, **options)[0]
    if file.pixels_vr:
        options["pixel_vr"] = file.pixels_vr
    options["number_of_frames"] = layout.n_frames
    file.stream.seek(file.pixels_at or 0)
    return decoder.as_array(file.stream, index=index, **options)[0]


def _decode_twelve_bits(codestream: bytes, layout: Layout) -> NDArray[Any]:
    """Decodes JPEG Extended of 12 bits with GDCM, which pydicom does not ask for this."""
    import gdcm  # noqa: PLC0415

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(codestream)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((layout.width, layout.height, 1))
    image.SetDataElement(element)
    grey = gdcm.PhotometricInterpretation.GetPIType("MONOCHROME2")
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(grey))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(uid.JPEGExtended12Bit))))
    bits = layout.bits_stored
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, bits, bits - 1, int(layout.is_signed)))
    data = image.GetBuffer().encode("utf-8", "surrogateescape")
    values = np.frombuffer(data, "<i2" if layout.is_signed else "<u2")
    return values.reshape(layout.height, layout.width)
