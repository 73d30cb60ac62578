"""Damages files at random, as disks, networks and attackers do."""

import random
import struct

_NUMBERS = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutate(data: bytes, source: random.Random, header_bytes: int) -> bytes:
    """Damages a file once or a few times, most often in its header.

    Args:
        data: The file.
        source: Of all that is random.
        header_bytes: Length of its beginning that says how the rest is to be read.
    """
    damaged = bytearray(data)
    for _ in range(source.choice((1, 1, 2, 4, 8))):
        end = min(header_bytes, len(damaged)) if source.random() < 0.7 else len(damaged)
        place = source.randrange(max(1, end))
        match source.randrange(6):
            case 0:
                damaged[place : place + 1] = source.randbytes(1)
            case 1:
                damaged[place : place + 4] = struct.pack("<I", source.choice(_NUMBERS))
            case 2:
                damaged[place : place + 8] = struct.pack(
                    "<d", source.choice((0.0, -1.0, 1e300, float("nan")))
                )
            case 3:
                del damaged[source.randrange(max(1, len(damaged))) :]
            case 4:
                del damaged[place : place + source.randrange(1, 64)]
            case _:
                damaged[place:place] = source.randbytes(source.randrange(1, 64))
    return bytes(damaged)
