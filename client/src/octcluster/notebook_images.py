"""What the jobs in Python have in common: their images, the folder of their outputs, their record."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from octcluster.given_images import Images, Labels, given, read_given_vectors
from octcluster.images.folder import find_images
from octcluster.images.headers import FileHead
from octcluster.images.image_set import ImageSet
from octcluster.images.path_list import PathList
from octcluster.images.scan_choice import choose_scans
from octcluster.model.progress import Progress, Silence
from octcluster.outputs.earlier_result import REQUEST
from octcluster.outputs.folder import check_place
from octcluster.outputs.wording.words import show_note
from octcluster.workflows.own_vectors import OwnVectors, is_vectors
from octcluster.workflows.services import ServiceOptions


@dataclass(frozen=True)
class Place:
    """Where a command writes its outputs, if it does."""

    out: str | Path | None
    command: str

    def check(self, images: Path | PathList) -> None:
        """See ``check_place``; images that were named one by one lie in no folder of theirs."""
        if self.out is not None:
            check_place(Path(self.out), None if isinstance(images, PathList) else images, self.command)


@contextmanager
def found_images(
    images: Images, labels: Labels, scans: str | int, progress: Progress | None, place: Place
) -> Iterator[tuple[ImageSet, str, OwnVectors | None]]:
    """The images with the digest of what their names do not tell, and their vectors if these were given."""
    if is_vectors(images):
        own = read_given_vectors(images, labels)
        _tell_notes(own.image_set, progress)
        yield own.image_set, own.digest(), own
        return
    with given(images, labels) as (source, label_source, content):
        place.check(source)
        yield find_all(source, label_source, scans, progress), content, None


def find_all(
    images: Path | PathList,
    labels: str,
    scans: str | int,
    progress: Progress | None,
    on_head: Callable[[FileHead], None] | None = None,
) -> ImageSet:
    """The scans that were asked for; tells what was found out about them."""
    image_set = choose_scans(find_images(images, labels, progress, on_head), scans)
    _tell_notes(image_set, progress)
    return image_set


def _tell_notes(image_set: ImageSet, progress: Progress | None) -> None:
    for note in image_set.notes:
        (progress or Silence()).message(show_note(note))


def record(
    command: str, image_set: ImageSet, asked: Mapping[str, object], options: ServiceOptions | None = None
) -> dict[str, object]:
    """What the record of a job tells of its arguments."""
    model = {} if options is None else {"model": str(options.model_file or options.model)}
    return {"command": command, "images": str(image_set.root), **model, REQUEST: asked}
