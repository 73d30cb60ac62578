"""What the commands on images have in common: their images, the folder of their outputs, their progress."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from octcluster.cli.arguments.command import ImagesCommand
from octcluster.cli.arguments.embed import EmbedCommand
from octcluster.images.folder import find_images
from octcluster.images.headers import FileHead
from octcluster.images.image_set import ImageSet, sample_per_class
from octcluster.images.scan_choice import choose_scans
from octcluster.images.sources import is_image_by_name
from octcluster.model.progress import Progress, Silence
from octcluster.outputs.earlier_result import REQUEST, check_replaceable
from octcluster.outputs.folder import check_place, find_record, prepared_folder
from octcluster.outputs.wording.words import show_note


def find_sample(
    command: ImagesCommand,
    progress: Progress,
    per_class: int | None = None,
    seed: int = 0,
    on_head: Callable[[FileHead], None] | None = None,
) -> ImageSet:
    """The scans that were asked for, or some of each class; tells what was found out about them."""
    check_place(command.out, command.images, command.name)
    image_set = find_images(command.images, command.labels, progress, on_head)
    image_set = choose_scans(image_set, command.scans)
    for note in image_set.notes:
        progress.message(show_note(note))
    if command.out.is_dir() and any(map(is_image_by_name, command.out.iterdir())):
        progress.message(
            f"{command.out} holds images: better give the outputs a folder of their own (--out)."
        )
    return image_set if per_class is None else sample_per_class(image_set, per_class, seed)


@contextmanager
def prepared_out(
    command: ImagesCommand, asked: Mapping[str, object], progress: Progress
) -> Iterator[dict[str, object]]:
    """The folder of the outputs, this command's alone, for this request; yields what the record tells."""
    with prepared_folder(command.out, command.name, progress.message):
        check_replaceable(find_record(command.out, command.name), asked, overwrite=command.overwrite)
        yield command.record() | {REQUEST: asked}


@contextmanager
def shown_progress(command: ImagesCommand | EmbedCommand) -> Iterator[Progress]:
    """Progress as the command wants it."""
    from octcluster.cli.terminal.progress import show_progress  # noqa: PLC0415

    if command.quiet:
        yield Silence()
        return
    with show_progress() as progress:
        yield progress
