"""describe.json: what a set of images is like, for programs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from octcluster.outputs.describe.volumes import record_volumes
from octcluster.outputs.json_files import format_json, format_time, round_seconds
from octcluster.outputs.wording.notes import record_notes
from octcluster.outputs.wording.pixels import count_faults, describe_framing
from octcluster.workflows.description import Description, HeaderKind, count_by


def format_describe_record(
    description: Description,
    samples: Mapping[str | None, Sequence[int]],
    arguments: Mapping[str, object],
    started: datetime,
) -> bytes:
    """Formats describe.json, which stays on this machine, for its arguments may name patients.

    Args:
        description: What was found.
        samples: Positions of the images that were drawn, by class.
        arguments: Arguments of the command, JSON values by name.
        started: When the work began, with a time zone.

    Returns:
        The file's content.
    """
    images = description.image_set.images
    document = {
        "images": len(images),
        "failed": len(description.failures),
        "ignored_files": description.image_set.ignored_files,
        "label_source": description.image_set.label_source,
        "notes": record_notes(description.image_set, description.pixels),
        "classes": description.image_set.classes,
        "splits": description.splits,
        "subsets": [_rename_label(asdict(subset)) for subset in description.subsets],
        **{
            name: [{"class": label, **asdict(spread)} for label, spread in spreads.items()]
            for name, spreads in description.spreads.items()
        },
        "formats": _list_kinds(
            description,
            ("format", "channels", "bits"),
            lambda header: (header.format, header.channels, header.bits),
        ),
        "sizes": _list_kinds(description, ("width", "height"), lambda header: (header.width, header.height)),
        "volumes": record_volumes(description.volumes),
        "patients": _describe_patients(description),
        "duplicates": _describe_duplicates(description),
        "faults": count_faults(description.pixels),
        "framing": describe_framing(description.pixels),
        "samples": [
            {"class": label, "images": [images[position].name for position in positions]}
            for label, positions in samples.items()
        ],
        "started": format_time(started),
        "versions": dict(description.versions),
        "arguments": dict(arguments),
        "seconds_by_stage": round_seconds(description.stage_seconds),
    }
    return format_json(document)


def _rename_label(subset: dict[str, object]) -> dict[str, object]:
    return {"class" if name == "label" else name: value for name, value in subset.items()}


def _list_kinds(
    description: Description,
    names: Sequence[str],
    kind: Callable[[HeaderKind], tuple[int | str, ...]],
) -> list[dict[str, object]]:
    return [
        {**dict(zip(names, found, strict=True)), "images": number}
        for found, number in count_by(description, kind)
    ]


def _describe_patients(description: Description) -> dict[str, object]:
    leaks = description.leaks
    unknown = sum(image.patient is None for image in description.image_set.images)
    return {
        "known": leaks.patients,
        "images_without": unknown,
        "in_several_classes": len(leaks.patients_in_classes),
        "in_several_splits": len(leaks.patients_in_splits),
    }


def _describe_duplicates(description: Description) -> dict[str, object]:
    leaks = description.leaks
    alike = description.alike
    return {
        "copies": len(description.copies),
        "alike": None if alike is None else len(alike),
        "alike_reason": "no pixels were read (--headers-only)" if alike is None else None,
        "least_similarity": description.duplicates.threshold,
        "across_patients": leaks.pairs_across_patients,
        "across_classes": leaks.pairs_across_classes,
        "across_splits": leaks.pairs_across_splits,
    }
