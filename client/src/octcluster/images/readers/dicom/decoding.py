"""From a frame as it is stored to its values."""

from typing import Any

from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.dicom.file import read_integer
from octcluster.images.readers.dicom.frames import DECODERS, IMAGECODECS, Frames, Layout, check_codestream
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
        if plugin == IMAGECODECS:
            return _decode_by_libjpeg(codestream, layout)
        source = encapsulate([codestream], has_bot=False)
        return decoder.as_array(source, index=0, decoding_plugin=plugin, **options)[0]
    if file.pixels_vr:
        options["pixel_vr"] = file.pixels_vr
    options["number_of_frames"] = layout.n_frames
    file.stream.seek(file.pixels_at or 0)
    return decoder.as_array(file.stream, index=index, **options)[0]


def _decode_by_libjpeg(codestream: bytes, layout: Layout) -> NDArray[Any]:
    """Decodes JPEG of 12 bits and lossless JPEG with libjpeg-turbo, which pydicom has no plug-in for."""
    import imagecodecs  # noqa: PLC0415

    values: NDArray[Any] = imagecodecs.jpeg8_decode(codestream)
    if not layout.is_signed:
        return values
    # JPEG knows no sign: the upper bits of a negative value are those of the header's range
    unused = 8 * values.dtype.itemsize - layout.bits_stored
    signed = (values << unused).view(f"i{values.dtype.itemsize}")
    return signed >> unused
