"""The lossless encoding in which the embedder gets a scan that came in a container."""

import io

from octcluster.images.readers.reader import Pixels


def encode(pixels: Pixels) -> bytes:
    """Encodes a scan as an uncompressed TIFF of one strip.

    The same pixels give the same bytes with every version of every library, since nothing is compressed. So
    the scan has the same image key whichever container it came in.
    """
    from PIL import Image  # noqa: PLC0415

    mode = "L" if pixels.bits == 8 else "I;16"
    image = Image.frombytes(mode, (pixels.width, pixels.height), pixels.data)
    encoded = io.BytesIO()
    image.save(encoded, "TIFF", strip_size=len(pixels.data))
    return encoded.getvalue()
