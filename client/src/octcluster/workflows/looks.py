"""What ``octcluster describe`` sees of one image, and the processes in which it looks at many."""

import multiprocessing
import os
import signal
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple, TypeVar

from octcluster.images.headers import (
    MAX_BYTES,
    FileHead,
    ImageHeader,
    UnreadableImage,
    check_size,
    open_image,
    parse_header,
    read_head,
)
from octcluster.images.keys import image_key, image_key_of_file
from octcluster.images.likeness import Fingerprint, fingerprint
from octcluster.images.sketch import Sketch, draw_image_cells, measure_cells

R = TypeVar("R")

# From this width on, in heights, a square picture of the fundus may stand beside a B-scan.
_WIDE = 1.6


class HeaderCollector:
    """Parses the headers of plain images while their files are looked at, so that none is read twice.

    Attributes:
        found: The header of each file, or why it cannot be read.
    """

    def __init__(self) -> None:
        """Begins with none."""
        self.found: dict[Path, ImageHeader | UnreadableImage] = {}

    def take(self, head: FileHead) -> None:
        """Parses one; see ``folder.find_images``."""
        try:
            self.found[head.path] = parse_header(head)
        except UnreadableImage as error:
            self.found[head.path] = UnreadableImage(str(error))  # without the frames that it came from


class PixelLook(NamedTuple):
    """What the pixels of an image tell.

    Attributes:
        sketch: Their measures.
        fingerprint: To find those that look the same.
    """

    sketch: Sketch
    fingerprint: Fingerprint


class Look(NamedTuple):
    """What is seen of a plain image.

    Attributes:
        header: Its header.
        pixels: What its pixels tell; None: they are damaged.
        fault: What is wrong with them.
    """

    header: ImageHeader
    pixels: PixelLook | None
    fault: str = ""


def look_at(path: Path) -> Look:
    """Looks at a plain image.

    Raises:
        UnreadableImage: It has no header.
    """
    head = read_head(path, MAX_BYTES)
    header, image = open_image(head)
    try:
        check_size(header)
        is_wide = header.width > _WIDE * header.height
        return Look(header, _look_at_cells(draw_image_cells(image, head.data), is_wide=is_wide))
    except UnreadableImage as error:
        return Look(header, None, str(error))
    finally:
        image.close()


def look_at_encoded(encoded: bytes) -> tuple[PixelLook, bytes]:
    """What the pixels of an encoded scan tell, and its key; for ``decoding.decode_scans``.

    Raises:
        UnreadableImage: It has too many pixels.
    """
    return _look_at_cells(draw_image_cells(None, encoded)), image_key(encoded)


def _look_at_cells(cells: Any, *, is_wide: bool = False) -> PixelLook:
    return PixelLook(measure_cells(cells, is_wide=is_wide), fingerprint(cells))


def read_some(
    read: Callable[[Path], R], files: Sequence[tuple[int, str]]
) -> list[tuple[int, R | UnreadableImage]]:
    """Reads some files; what is wrong with one is its answer.

    Args:
        read: Reads one.
        files: Position and path of each; as a text, a path gets to another process several times faster.
    """
    answers: list[tuple[int, R | UnreadableImage]] = []
    for position, path in files:
        try:
            answers.append((position, read(Path(path))))
        except UnreadableImage as error:
            answers.append((position, UnreadableImage(str(error))))  # without the frames that it came from
    return answers


def start_processes(count: int) -> Executor:
    """Starts processes that look at plain images, and end with this one."""
    # Started anew and not forked, for the progress is shown by a thread.
    return ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _prepare_process)


def _prepare_process() -> None:
    Thread(target=_end_with_parent, name="parent", daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # from a terminal it reaches all processes
    warnings.simplefilter("ignore")


def _end_with_parent() -> None:
    """Ends this process when the one that started it is gone, even killed: it would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def file_bytes(path: Path) -> int:
    """Size of a file; 0 if it has gone, which whoever reads it tells."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def read_key(path: Path) -> bytes:
    """What only equal files have in common.

    Raises:
        UnreadableImage: It cannot be read.
    """
    try:
        return image_key_of_file(path)
    except OSError as error:
        raise UnreadableImage(f"the file cannot be read: {error.strerror or error}") from error
