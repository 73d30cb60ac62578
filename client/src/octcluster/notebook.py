"""Whole jobs in one call, for notebooks and scripts: ``octcluster.run`` and ``octcluster.assign``."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octcluster.images.folder import find_images
from octcluster.images.image_set import ImageSet, sample_per_class, spell_classes
from octcluster.images.readers.processes import kept_workers
from octcluster.images.scan_choice import ALL, choose_scans
from octcluster.model.cluster_range import as_cluster_range
from octcluster.model.progress import Progress, Silence
from octcluster.model.recipes import Recipe, find_recipe
from octcluster.model.results import ClusteringResult
from octcluster.model.suggest import suggest
from octcluster.outputs.assign.words import tell_assignment
from octcluster.outputs.folder import prepare_folder
from octcluster.outputs.run.brief import format_run, list_scores, tell_run
from octcluster.outputs.wording.words import RESEARCH_USE_ONLY, show_note
from octcluster.workflows.assign import AssignOptions, assign_images
from octcluster.workflows.finished_runs import find_run
from octcluster.workflows.outcome import AssignOutcome, RunOutcome
from octcluster.workflows.run import RunOptions, run_images

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, repr=False)
class Run:
    """A finished run; a prompt shows what it found in sentences, and a notebook with tables.

    Attributes:
        outcome: All that is known of it, as plain values; needs no pandas.
        started: When it began.
    """

    outcome: RunOutcome
    started: datetime

    @property
    def chosen(self) -> ClusteringResult:
        """The clustering that the run chose; the assignments are its."""
        return self.outcome.chosen

    @property
    def assignments(self) -> "DataFrame":
        """One row an image; the columns are those of ``assignments.parquet``.

        Raises:
            ModuleNotFoundError: pandas is not installed.
        """
        from octcluster.outputs.run.columns import list_columns  # noqa: PLC0415

        return _frame(list_columns(self.outcome))

    @property
    def scores(self) -> "DataFrame":
        """One row a clustering: algorithm, k, clusters, noise, seconds, and each score as in ``scores.json``.

        A score that is undefined is NaN.

        Raises:
            ModuleNotFoundError: pandas is not installed.
        """
        return _frame([list_scores(result) for result in self.outcome.result.results])

    @property
    def contingency(self) -> "DataFrame | None":
        """Images by class (rows) and cluster (columns) in the chosen clustering; None if no class is known.

        Raises:
            ModuleNotFoundError: pandas is not installed.
        """
        table = self.chosen.contingency
        if table is None:
            return None
        classes = [self.outcome.image_set.classes[index] for index in table.class_indices]
        return _frame(table.counts, index=classes, columns=list(table.clusters))

    def write(self, folder: str | Path) -> None:
        """Writes the files of ``octcluster run`` into a folder, made if need be; needs the extra cli.

        Raises:
            InvalidArguments: The folder cannot be made, or holds what another command wrote.
            OSError: A file cannot be written.
        """
        from octcluster.outputs.run.files import write_run_files  # noqa: PLC0415

        _write(write_run_files, self, folder, "run")

    def __repr__(self) -> str:
        return "\n".join(tell_run(self.outcome))

    def _repr_html_(self) -> str:
        return format_run(self.outcome)


@kept_workers()
def run(  # noqa: PLR0913 - the options of the command, by keyword
    images: str | Path,
    *,
    k: int | str | tuple[int, int] = 4,
    recipe: str | Recipe | None = None,
    labels: str = "auto",
    scans: str | int = ALL,
    per_class: int | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Run:
    """Clusters the images of a folder; what ``octcluster run`` does.

    Args:
        images: Folder, searched recursively, or text file with one path a line.
        k: Number of clusters, or the smallest and the largest to choose from: 4, (2, 10) or "2:10".
        recipe: How images are clustered: a name out of RECIPES or a recipe of one's own; None: the default.
        labels: Where known classes come from, to compare with: ``auto``, ``folder``, ``folder:1``,
            ``filename``, ``none`` or the path of a CSV table.
        scans: Which B-scans of each volume to take: ``all``, ``middle``, or how many, spread evenly about the
            middle.
        per_class: Take so many random images of each class; None: all.
        out: Folder for the output files; None: write none.
        progress: Told how far it is; ``octcluster.cli.terminal.progress.show_progress()`` prints it.
        options: Other fields of RunOptions: ``unit``, ``seed``, ``embedder``, ``clusterer``, ``cache_dir``,
            ``umap``.

    Returns:
        What was found.

    Raises:
        OctclusterError: The run could not be done; the message says what to do.
        TypeError: There is no such option.
    """
    started = datetime.now(UTC)
    smallest, largest = as_cluster_range(k)
    chosen = find_recipe(recipe) if isinstance(recipe, str) else recipe
    _check_options("run", RunOptions, options)
    run_options = RunOptions(recipe=chosen, min_clusters=smallest, max_clusters=largest, **options)
    if out is not None:
        prepare_folder(Path(out), "run")
    image_set = _find_images(images, labels, scans, progress)
    if per_class is not None:
        image_set = sample_per_class(image_set, per_class, run_options.seed)
    found = Run(run_images(image_set, run_options, progress or Silence()), started)
    if out is not None:
        found.write(out)
    return found


@dataclass(frozen=True, repr=False)
class Assignment:
    """New images in the clusters of a finished run; a prompt shows what became of them in sentences.

    Attributes:
        outcome: All that is known of it, as plain values; needs no pandas.
        started: When it began.
    """

    outcome: AssignOutcome
    started: datetime

    @property
    def assignments(self) -> "DataFrame":
        """One row an image; the columns are those of ``assignments.csv`` but the run's id.

        Raises:
            ModuleNotFoundError: pandas is not installed.
        """
        from octcluster.outputs.assign.placements import list_placement_columns  # noqa: PLC0415

        return _frame(list_placement_columns(self.outcome))

    def write(self, folder: str | Path) -> None:
        """Writes the files of ``octcluster assign`` into a folder, made if need be; needs the extra cli.

        Raises:
            InvalidArguments: The folder cannot be made, or holds what another command wrote.
            OSError: A file cannot be written.
        """
        from octcluster.outputs.assign.files import write_assign_files  # noqa: PLC0415

        _write(write_assign_files, self, folder, "assign")

    def __repr__(self) -> str:
        return "\n".join([*tell_assignment(self.outcome), RESEARCH_USE_ONLY])


@kept_workers()
def assign(
    run: str | Path,
    images: str | Path,
    *,
    labels: str = "auto",
    scans: str | int = ALL,
    out: str | Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Assignment:
    """Puts images into the clusters of a finished run; what ``octcluster assign`` does.

    Args:
        run: Folder that a run was written into, its ``model.npz`` alone, or, with ``clusterer``, a run id.
        images: See run.
        labels: See run.
        scans: See run.
        out: Folder for the output files; None: write none.
        progress: See run.
        options: Other fields of AssignOptions: ``embedder``, ``clusterer``, ``cache_dir``. The model is that
            of the run.

    Returns:
        Where the images and their eyes lie.

    Raises:
        OctclusterError: It could not be done; the message says what to do.
        TypeError: There is no such option.
    """
    started = datetime.now(UTC)
    _check_options("assign", AssignOptions, options)
    finished = find_run(str(run))
    model = None if finished.model is None else finished.model.space.model
    if (model := model or finished.arguments.get("model")) is not None:
        options = {"model": model, **options}
    if out is not None:
        prepare_folder(Path(out), "assign")
    image_set = _find_images(images, labels, scans, progress)
    image_set = spell_classes(image_set, finished.classes)
    assign_options = AssignOptions(**options)
    done = Assignment(assign_images(finished, image_set, assign_options, progress or Silence()), started)
    if out is not None:
        done.write(out)
    return done


def _find_images(images: str | Path, labels: str, scans: str | int, progress: Progress | None) -> ImageSet:
    """The scans that were asked for; tells what was found out about them."""
    image_set = choose_scans(find_images(Path(images), labels, progress), scans)
    for note in image_set.notes:
        (progress or Silence()).message(show_note(note))
    return image_set


def _check_options(function: str, kind: type, options: dict[str, object]) -> None:
    """Raises TypeError for an option that the function does not have, with the one that was meant."""
    known = [option.name for option in fields(kind)]
    for name in options:
        if name not in known:
            raise TypeError(f"octcluster.{function} has no option {name!r}{suggest(name, known)}")


def _write(
    write_files: Callable[[Any, Path, dict[str, object], datetime], object],
    done: Run | Assignment,
    folder: str | Path,
    command: str,
) -> None:
    """Writes the files of a command into a folder, which holds no other command's."""
    prepare_folder(Path(folder), command)
    write_files(done.outcome, Path(folder), {"images": str(done.outcome.image_set.root)}, done.started)


def _frame(*arguments: Any, **options: Any) -> "DataFrame":
    import pandas as pd  # noqa: PLC0415

    return pd.DataFrame(*arguments, **options)
