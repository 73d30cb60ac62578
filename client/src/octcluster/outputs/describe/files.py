"""Writes the files of ``octcluster describe``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from octcluster.images.image_set import Scan
from octcluster.outputs.atomic_files import replacing_files
from octcluster.outputs.describe.page import format_description_page
from octcluster.outputs.describe.record import format_describe_record
from octcluster.outputs.describe.tables import format_all_duplicates, format_images, format_patients
from octcluster.outputs.failures import format_failures
from octcluster.outputs.warnings import format_warnings
from octcluster.workflows.description import Description, draw_samples


@dataclass(frozen=True)
class SampleOptions:
    """Which images are shown, and how.

    Attributes:
        count: Number of images of each class.
        seed: Seed of the draw.
        identified: Whether the page may name images and patients.
        make_thumbnail: Makes a ``data:`` address of a scan; None: show no image.
    """

    count: int = 6
    seed: int = 0
    identified: bool = False
    make_thumbnail: Callable[[Scan], str] | None = None


def write_describe_files(
    description: Description,
    folder: Path,
    options: SampleOptions,
    arguments: Mapping[str, object],
    started: datetime,
) -> None:
    """Writes all files; those of an earlier description are replaced, or removed if there is nothing to tell.

    ``describe.json`` comes last, so that a folder with one is complete.

    Args:
        description: What was found.
        folder: Where the files go; it must exist.
        options: Which images are shown, and how.
        arguments: Arguments of the command, for ``describe.json``.
        started: When the work began, with a time zone.

    Raises:
        OSError: A file cannot be written.
    """
    samples = draw_samples(description, options.count, options.seed)
    with replacing_files(folder, "describe.json") as write:
        write("images.csv", format_images(description))
        write("patients.csv", format_patients(description))
        write("duplicates.csv", format_all_duplicates(description))
        write("failures.csv", format_failures(description.failed_images))
        write("warnings.csv", format_warnings(description.pixels))
        page = format_description_page(
            description,
            samples,
            started,
            identified=options.identified,
            make_thumbnail=options.make_thumbnail,
        )
        write("describe.html", page)
        write("describe.json", format_describe_record(description, samples, arguments, started))
