"""What ``octcluster run`` prints beside its progress: what it will replace, and a summary at its end."""

import sys
from pathlib import Path
from typing import TextIO

from octcluster.cli.terminal.console import Terminal
from octcluster.cli.terminal.tables import tabulate_both_choices, tabulate_clusters, tabulate_results
from octcluster.images.label_notes import DOUBTED_NAMES
from octcluster.outputs.run.record import read_start
from octcluster.outputs.wording.eyes import describe_eyes, describe_whitening
from octcluster.outputs.wording.pixels import describe_pixels
from octcluster.outputs.wording.second_choice import explain_choice
from octcluster.outputs.wording.stop_sign import describe_few_eyes, find_stop_sign
from octcluster.outputs.wording.trust import (
    describe_missing_model,
    describe_unused_patients,
    summarize_trust,
)
from octcluster.outputs.wording.vectors import describe_sources, describe_space
from octcluster.outputs.wording.words import (
    count,
    describe_answer,
    describe_failed,
    describe_joining,
    describe_missing_labels,
    describe_noise,
)
from octcluster.workflows.outcome import RunOutcome
from octcluster.workflows.own_vectors import BY_COLUMNS


def print_replaced(folder: Path, stream: TextIO | None = None) -> None:
    """Prints which run's outputs a new run will replace, in local time; nothing if there are none.

    Args:
        folder: Where the outputs go.
        stream: Where to print; None: standard error.
    """
    started = read_start(folder)
    if started is not None:
        text = f"replacing the run of {started.astimezone():%Y-%m-%d %H:%M} in {folder}"
        print(text, file=stream or sys.stderr)


def print_run_summary(outcome: RunOutcome, folder: Path, stream: TextIO | None = None) -> None:
    """Prints what a run found and where its output files are.

    Args:
        outcome: What the run found.
        folder: Where its output files are.
        stream: Where to print; None: standard output.
    """
    terminal = Terminal(stream)
    result, chosen, preparation = outcome.result, outcome.chosen, outcome.spec.preparation
    terminal.leave_line()
    if stop := find_stop_sign(outcome):
        terminal.warn(*stop)
        terminal.leave_line()
    terminal.say(*describe_failed(len(outcome.failures), len(outcome.image_set.images)))
    terminal.say(*explain_choice(outcome))
    if table := tabulate_both_choices(outcome):
        terminal.show(table)
    terminal.say(*_describe_input(outcome))
    terminal.show(tabulate_results(result.results, result.chosen, bool(outcome.image_set.classes)))
    terminal.say(*describe_joining(result.results, outcome.unit), *describe_noise(result.results))
    terminal.show(tabulate_clusters(chosen, outcome.image_set.classes, outcome.unit))
    terminal.say(
        *describe_answer(chosen, outcome.class_sizes, whitened=preparation.whiten, unit=outcome.unit),
        *summarize_trust(chosen, len(outcome.members), outcome.leaks, result.duplicates),
        *describe_unused_patients(preparation, outcome.members),
        *describe_whitening(outcome),
        *describe_few_eyes(outcome),
        *describe_missing_model(result),
    )
    if outcome.not_kept:
        terminal.leave_line()
        terminal.warn(outcome.not_kept)
    terminal.leave_line()
    terminal.point_to(folder, ("Report", "report.html"), failures=bool(outcome.failures))


def _describe_input(outcome: RunOutcome) -> list[str]:
    """The images, their labels, the recipe and the features, a line each."""
    image_set, space = outcome.image_set, outcome.space
    counts = [describe_sources(outcome)]
    if image_set.ignored_files:
        counts.append(f"{count(image_set.ignored_files, 'other file')} ignored")
    lines = [f"{count(len(image_set.images), 'image')}: {', '.join(counts)}"]
    if labelled := sum(outcome.class_sizes):
        classes = count(len(image_set.classes), "class")
        source = image_set.label_source
        where = "beside the vectors" if source == BY_COLUMNS else f"--labels {source}"
        lines.append(f"Labels: {count(labelled, outcome.unit)} in {classes} ({where})")
    else:
        doubted = [note.text for note in image_set.notes if note.kind == DOUBTED_NAMES]
        lines += doubted or ["Labels: none are known; --labels says where they could come from."]
    return [
        *lines,
        *describe_missing_labels(image_set),
        *describe_pixels(outcome.pixels),
        *describe_eyes(outcome),
        f"Recipe: {outcome.recipe.name or 'one of your own'}",
        f"Features: {describe_space(space).replace(' features', '')} (space {space.digest.hex()[:12]})",
    ]
