"""describe.html: what a set of images is like, for people."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from octcluster.images.image_set import Scan
from octcluster.outputs.describe.spread import colour_of, plot_spread, tabulate_spread
from octcluster.outputs.describe.volumes import show_volumes
from octcluster.outputs.describe.words import (
    UNKNOWN,
    UNSPLIT,
    count_classes,
    describe_answer,
    describe_standouts,
    format_of,
)
from octcluster.outputs.pages import (
    Gallery,
    Page,
    Picture,
    Plot,
    ReportOptions,
    Section,
    Table,
    Text,
    Tile,
    class_colour,
    format_page,
    plot_text,
)
from octcluster.outputs.pages.leaking_patients import tabulate_patients
from octcluster.outputs.wording.leaks import describe_leaks
from octcluster.outputs.wording.notes import tell_notes
from octcluster.workflows.description import Description, SubsetSize, count_by

_SIZES_SHOWN = 20


def format_description_page(
    description: Description,
    samples: Mapping[str | None, Sequence[int]],
    started: datetime,
    *,
    identified: bool = False,
    make_thumbnail: Callable[[Scan], str] | None = None,
) -> bytes:
    """Formats the page.

    Args:
        description: What was found.
        samples: Positions of the images to show, by class.
        started: When the work began, with a time zone.
        identified: Whether the page may name images and patients.
        make_thumbnail: Makes a ``data:`` address of a scan; None: show no image.

    Returns:
        The file's content.
    """
    images = description.image_set.images
    subsets = description.subsets
    patients = {image.patient for image in images} - {None}
    sections = [
        Section("counts", "How many there are", _show_counts(description, subsets)),
        Section("sizes", "How large they are", _show_sizes(description)),
        Section("formats", "How they are stored", [_tabulate_formats(description)]),
        Section("twice", "Patients and duplicates", _show_leaks(description, identified=identified)),
        Section(
            "samples", "A sample", _show_samples(description, samples, make_thumbnail, identified=identified)
        ),
    ]
    if told := tell_notes(description.image_set):
        sections.insert(1, Section("names", "How names were read", [Text(told)]))
    if description.volumes is not None:
        sections.insert(1, Section("volumes", "Volumes", show_volumes(description.volumes)))
    if description.failures:
        sections.append(Section("failures", "Unusable images", [_tabulate_failures(description)]))
    page = Page(
        title="OCT images before clustering",
        answer=describe_answer(description),
        standouts=describe_standouts(description),
        tiles=[
            Tile("images", f"{len(images):,}"),
            Tile("classes", f"{len(description.image_set.classes):,}"),
            Tile("patients", f"{len(patients):,}" if patients else "unknown"),
            Tile("equal files", f"{len(description.copies):,}"),
            Tile("look the same", "unknown" if description.alike is None else f"{len(description.alike):,}"),
            Tile("unusable", f"{len(description.failures):,}"),
        ],
        sections=sections,
        facts=[
            ("classes from", description.image_set.label_source),
            ("other files", f"{description.image_set.ignored_files:,} ignored"),
            ("versions", ", ".join(f"{name} {number}" for name, number in description.versions.items())),
            (
                "time",
                ", ".join(f"{name} {seconds:.1f} s" for name, seconds in description.stage_seconds.items()),
            ),
        ],
        privacy=ReportOptions(make_thumbnail is not None, identified).privacy,
    )
    return format_page(page, started)


def _show_counts(description: Description, subsets: Sequence[SubsetSize]) -> list[Text | Table | Plot]:
    found = {(subset.split, subset.label): subset for subset in subsets}
    splits = [
        split for split in [*description.splits, None] if any(subset.split == split for subset in subsets)
    ]
    labels = list(count_classes(subsets))
    rows: list[list[str | int | float | None]] = [
        [subset.split or UNSPLIT, subset.label or UNKNOWN, subset.images, subset.patients, subset.failed]
        for subset in subsets
    ]
    table = Table(
        "counts-table",
        "Images and patients by split and class",
        ["split", "class", "images", "patients", "unusable"],
        rows,
    )
    # One bar a class, in parts by split where there are splits.
    traces = [
        {
            "type": "bar",
            "name": plot_text(split or UNSPLIT),
            "x": [plot_text(label or UNKNOWN) for label in labels],
            "y": [found[split, label].images if (split, label) in found else 0 for label in labels],
            "marker": {
                "color": class_colour(index)
                if len(splits) > 1
                else [colour_of(description, label) for label in labels]
            },
        }
        for index, split in enumerate(splits)
    ]
    plot = Plot(
        identifier="counts-plot",
        title="Images by class" + (" and split" if len(splits) > 1 else ""),
        description="One bar a class"
        + (", in parts by split: " if len(splits) > 1 else ": ")
        + ", ".join(f"{label or UNKNOWN} {number:,}" for label, number in count_classes(subsets).items())
        + ".",
        traces=traces,
        layout={
            "barmode": "stack",
            "yaxis": {"title": {"text": "images"}},
            "showlegend": len(splits) > 1,
        },
        table=table,
    )
    return [plot]


def _show_sizes(description: Description) -> list[Text | Table | Plot]:
    parts: list[Text | Table | Plot] = []
    for name in ("width", "height"):
        spreads = description.spreads[name]
        if spreads:
            parts.append(plot_spread(description, name, spreads))
    spreads = description.spreads["file_bytes"]
    if spreads:
        parts.append(tabulate_spread("file_bytes", spreads))
    sizes = count_by(description, lambda header: (header.width, header.height))
    rows: list[list[str | int | float | None]] = [
        [f"{size[0]} x {size[1]}", number] for size, number in sizes[:_SIZES_SHOWN]
    ]
    if len(sizes) > _SIZES_SHOWN:
        rows.append(
            [f"{len(sizes) - _SIZES_SHOWN:,} others", sum(number for _, number in sizes[_SIZES_SHOWN:])]
        )
    parts.append(Table("pixel-sizes", "Images by width x height", ["pixels", "images"], rows))
    return parts


def _tabulate_formats(description: Description) -> Table:
    rows: list[list[str | int | float | None]] = [
        [str(kind[0]), kind[1], kind[2], number] for kind, number in count_by(description, format_of)
    ]
    return Table(
        "formats-table",
        "Formats and bit depths",
        ["format", "channels", "bits a channel", "images"],
        rows,
    )


def _show_leaks(description: Description, *, identified: bool) -> list[Text | Table]:
    found = describe_leaks(description.leaks, description.duplicates)
    parts: list[Text | Table] = [Text(found)] if found else []
    named = tabulate_patients(description.leaks) if identified else None
    return [*parts, named] if named else parts


def _show_samples(
    description: Description,
    samples: Mapping[str | None, Sequence[int]],
    make_thumbnail: Callable[[Scan], str] | None,
    *,
    identified: bool,
) -> list[Text | Gallery]:
    images = description.image_set.images

    def picture(position: int) -> Picture:
        header = description.headers[position]
        return Picture(
            caption=images[position].name if identified else f"image {position + 1}",
            note="" if header is None else f"{header.width} x {header.height}",
            source="" if make_thumbnail is None else make_thumbnail(images[position]),
        )

    text = "Drawn at random from each class. “Image 17” is row 17 of images.csv, its heading not counted."
    if make_thumbnail is None:
        text += " The images themselves are shown only with --thumbnails, since they are data of patients."
    galleries = [
        Gallery(label or UNKNOWN, [picture(position) for position in positions])
        for label, positions in samples.items()
    ]
    return [Text([text]), *galleries]


def _tabulate_failures(description: Description) -> Table:
    reasons: dict[str, int] = {}
    for reason in description.failures.values():
        reasons[reason] = reasons.get(reason, 0) + 1
    return Table(
        "failures-table",
        "Why images cannot be used",
        ["reason", "images"],
        [[reason, number] for reason, number in sorted(reasons.items(), key=lambda item: -item[1])],
    )
