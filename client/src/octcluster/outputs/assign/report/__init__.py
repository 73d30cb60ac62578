"""report.html of an assignment: where new images and eyes lie, in one file that needs no network."""

from datetime import datetime

from octcluster.outputs.assign.eyes import describe_rows
from octcluster.outputs.assign.report.sections import build_sections
from octcluster.outputs.assign.scores import PlacementScores, judge_placements
from octcluster.outputs.assign.words import (
    are_new,
    count_doubtful,
    describe_agreement,
    describe_doubtful,
    describe_eyes,
    describe_failures,
    describe_match,
    describe_outliers,
    describe_seen,
)
from octcluster.outputs.pages import Page, ReportOptions, Tile, format_page
from octcluster.outputs.pages.cluster_cards import STYLE as CARDS_STYLE
from octcluster.outputs.pages.eye_strips import STYLE as STRIPS_STYLE
from octcluster.outputs.pages.image_names import ImageNames
from octcluster.outputs.pages.rendering import read_source
from octcluster.outputs.wording.notes import tell_faults
from octcluster.outputs.wording.pixels import describe_pixels
from octcluster.outputs.wording.vectors import describe_sources, describe_space
from octcluster.outputs.wording.words import count, describe_missing_labels, show_text
from octcluster.workflows.outcome import AssignOutcome


def format_assign_report(
    outcome: AssignOutcome, started: datetime, options: ReportOptions | None = None
) -> bytes:
    """Formats the report.

    Args:
        outcome: What became of the images.
        started: When the work began, with a time zone.
        options: What it shows of the patients; None: pseudonyms, and no pictures.

    Returns:
        The page, UTF-8; its size is bounded, however many images there are.
    """
    options = options or ReportOptions()
    names = ImageNames(
        outcome.members,
        outcome.members,
        identified=options.identified,
        thumbnails=options.thumbnails,
        clusters=outcome.model.cluster_names,
    )
    scores = judge_placements(outcome)
    clusters = count(len(outcome.model.cluster_sizes), "cluster")
    page = Page(
        title=f"{count(len(outcome.members), 'OCT image')} in the {clusters} of a finished run",
        answer=_answer(outcome, scores),
        sections=build_sections(outcome, names),
        standouts=_list_standouts(outcome),
        privacy=options.privacy,
        tiles=_list_tiles(outcome, scores),
        facts=_list_facts(outcome),
        style=read_source(CARDS_STYLE) + read_source(STRIPS_STYLE),
        marks=dict([outcome.mark]),
    )
    return format_page(page, started)


def _answer(outcome: AssignOutcome, scores: PlacementScores) -> list[str]:
    names, named = outcome.model.class_of_cluster, outcome.model.cluster_names
    clusters = outcome.placements.clusters
    shares = [
        f"{clusters.count(cluster):,} lie in cluster {cluster}"
        + (f" ({show_text(named[cluster])})" if cluster in named else "")
        + (f", which stands for {names[cluster]}" if cluster in names else "")
        for cluster in range(len(outcome.model.cluster_sizes))
        if cluster in clusters
    ]
    return [
        f"Of {count(len(outcome.members), 'image')}, {'; '.join(shares)}.",
        *describe_eyes(outcome),
        *describe_match(outcome, scores),
        *describe_doubtful(outcome),
    ]


def _list_standouts(outcome: AssignOutcome) -> list[str]:
    return [
        *describe_failures(outcome),
        *describe_seen(outcome),
        *describe_outliers(outcome),
        *describe_missing_labels(outcome.image_set),
        *tell_faults(outcome.image_set),
        *describe_pixels(outcome.pixels),
        *describe_agreement(outcome),
    ]


def _list_tiles(outcome: AssignOutcome, scores: PlacementScores) -> list[Tile]:
    tiles = [Tile("images", f"{len(outcome.members):,}")]
    if outcome.eyes:
        doubtful_eyes = sum(row.doubtful for row in describe_rows(outcome))
        tiles.append(Tile("eyes", f"{len(outcome.eyes):,}", f"{doubtful_eyes:,} doubtful"))
    if scores.accuracy is not None:
        new = "new " if are_new(outcome) else ""
        tiles.append(
            Tile("accuracy", f"{scores.accuracy:.3f}", f"of {count(scores.labelled, f'{new}image')}")
        )
    tiles.append(Tile("doubtful images", f"{count_doubtful(outcome):,}"))
    tiles.append(Tile("outliers", f"{sum(map(bool, outcome.outliers)):,}"))
    if outcome.failures:
        tiles.append(Tile("failed images", f"{len(outcome.failures):,}"))
    return tiles


def _list_facts(outcome: AssignOutcome) -> list[tuple[str, str]]:
    model, space = outcome.model, outcome.space
    facts = [
        ("run", model.run_id),
        ("run began", model.started),
        ("model file", f"SHA-256 {model.digest}" if model.digest else "none: the run was on the clusterer"),
        ("recipe", model.recipe),
        (
            f"run's {model.unit}s",
            f"{sum(model.cluster_sizes):,} in {count(len(model.cluster_sizes), 'cluster')}",
        ),
        ("run's versions", ", ".join(f"{name} {version}" for name, version in model.versions.items())),
        ("model", describe_space(space)),
        ("weights", space.weights_digest and f"SHA-256 {space.weights_digest}"),
        ("preprocessing", space.preprocessing_version),
        ("versions", ", ".join(f"{name} {version}" for name, version in outcome.versions.items())),
        ("images", describe_sources(outcome)),
        ("time", ", ".join(f"{name} {value:.1f} s" for name, value in outcome.stage_seconds.items())),
    ]
    return [(name, value) for name, value in facts if value]
