"""What whole jobs give in a notebook or script: sentences, tables, data frames and files."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from octcluster.model.results import ClusteringResult
from octcluster.outputs.assign.words import tell_assignment
from octcluster.outputs.earlier_result import REQUEST, check_replaceable
from octcluster.outputs.folder import find_record, prepared_folder
from octcluster.outputs.run.brief import format_run, list_scores, tell_run
from octcluster.outputs.wording.words import RESEARCH_USE_ONLY
from octcluster.workflows.description import Description
from octcluster.workflows.outcome import AssignOutcome, RunOutcome
from octcluster.workflows.study import StudyOutcome

if TYPE_CHECKING:
    from pandas import DataFrame


class _Result(ABC):
    """What a job gives; it can be written into a folder."""

    _command: ClassVar[str]
    arguments: Mapping[str, object]

    def write(
        self,
        folder: str | Path,
        *,
        overwrite: bool = False,
        thumbnails: bool = False,
        identified: bool = False,
    ) -> None:
        """Writes the files of the command into a folder, made if need be; needs the extra cli.

        Args:
            folder: The folder.
            overwrite: Replace an earlier result of other images or options.
            thumbnails: Show images in the report, which is patients' data then; those of arrays are not kept.
            identified: Name images and patients in the report as their files do.

        Raises:
            InvalidArguments: The folder cannot be made, or holds what is not to be replaced.
            OSError: A file cannot be written.
        """
        asked = cast("Mapping[str, object]", self.arguments.get(REQUEST, {}))
        with prepared_out(Path(folder), self._command, asked, overwrite):
            self.write_files(Path(folder), thumbnails=thumbnails, identified=identified)

    @abstractmethod
    def write_files(self, folder: Path, *, thumbnails: bool = False, identified: bool = False) -> None:
        """Writes them into a folder that is prepared."""


@dataclass(frozen=True, repr=False)
class Run(_Result):
    """A finished run; a prompt shows what it found in sentences, and a notebook with tables.

    Attributes:
        outcome: All that is known of it, as plain values; needs no pandas.
        started: When it began.
        arguments: What it was asked for, JSON values by name.
    """

    _command = "run"

    outcome: RunOutcome
    started: datetime
    arguments: Mapping[str, object]

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

    def write_files(self, folder: Path, *, thumbnails: bool = False, identified: bool = False) -> None:
        """See ``_Result``."""
        from octcluster.outputs.pages import ReportOptions  # noqa: PLC0415
        from octcluster.outputs.run.files import write_run_files  # noqa: PLC0415

        options = ReportOptions(thumbnails, identified)
        write_run_files(self.outcome, folder, self.arguments, self.started, options)

    def __repr__(self) -> str:
        return "\n".join(tell_run(self.outcome))

    def _repr_html_(self) -> str:
        return format_run(self.outcome)


@dataclass(frozen=True, repr=False)
class Assignment(_Result):
    """New images in the clusters of a finished run; a prompt shows what became of them in sentences.

    Attributes:
        outcome: All that is known of it, as plain values; needs no pandas.
        started: When it began.
        arguments: What it was asked for, JSON values by name.
    """

    _command = "assign"

    outcome: AssignOutcome
    started: datetime
    arguments: Mapping[str, object]

    @property
    def assignments(self) -> "DataFrame":
        """One row an image; the columns are those of ``assignments.csv`` but the run's id.

        Raises:
            ModuleNotFoundError: pandas is not installed.
        """
        from octcluster.outputs.assign.placements import list_placement_columns  # noqa: PLC0415

        return _frame(list_placement_columns(self.outcome))

    def write_files(self, folder: Path, *, thumbnails: bool = False, identified: bool = False) -> None:
        """See ``_Result``."""
        from octcluster.outputs.assign.files import write_assign_files  # noqa: PLC0415
        from octcluster.outputs.pages import ReportOptions  # noqa: PLC0415

        options = ReportOptions(thumbnails, identified)
        write_assign_files(self.outcome, folder, self.arguments, self.started, options)

    def __repr__(self) -> str:
        return "\n".join([*tell_assignment(self.outcome), RESEARCH_USE_ONLY])


@dataclass(frozen=True, repr=False)
class Described(_Result):
    """What images are like; a prompt shows it in sentences that name nobody.

    Attributes:
        description: All that is known, as plain values; needs no pandas.
        started: When it began.
        arguments: What it was asked for, JSON values by name.
        samples: How many random images of each class its page has.
        seed: Seed of that choice.
    """

    _command = "describe"

    description: Description
    started: datetime
    arguments: Mapping[str, object]
    samples: int = 6
    seed: int = 0

    @property
    def images(self) -> "DataFrame":
        """One row an image; the columns are those of ``images.csv``.

        Raises:
            ModuleNotFoundError: pandas is not installed.
        """
        from octcluster.outputs.describe.tables import list_images  # noqa: PLC0415

        columns, rows = list_images(self.description)
        return _frame(list(rows), columns=columns)

    def write_files(self, folder: Path, *, thumbnails: bool = False, identified: bool = False) -> None:
        """See ``_Result``."""
        from octcluster.outputs.describe.files import SampleOptions, write_describe_files  # noqa: PLC0415
        from octcluster.outputs.pages.thumbnails import make_thumbnail  # noqa: PLC0415

        options = SampleOptions(self.samples, self.seed, identified, make_thumbnail if thumbnails else None)
        write_describe_files(self.description, folder, options, self.arguments, self.started)

    def __repr__(self) -> str:
        from octcluster.outputs.describe.words import describe_answer, describe_standouts  # noqa: PLC0415

        return "\n".join([*describe_answer(self.description), *describe_standouts(self.description)])


@dataclass(frozen=True, repr=False)
class Study(_Result):
    """A study of many ways to cluster the same images; a prompt shows the best of them.

    Attributes:
        outcome: All that is known of it, as plain values; needs no pandas.
        started: When it began.
        arguments: What it was asked for, JSON values by name.
    """

    _command = "study"

    outcome: StudyOutcome
    started: datetime
    arguments: Mapping[str, object]

    @property
    def cells(self) -> "DataFrame":
        """One row a combination; the columns are those of ``study.csv``.

        Raises:
            ModuleNotFoundError: pandas is not installed.
        """
        from octcluster.outputs.study.table import list_study_rows  # noqa: PLC0415

        columns, rows = list_study_rows(self.outcome)
        return _frame(list(rows), columns=columns)

    def write_files(self, folder: Path, *, thumbnails: bool = False, identified: bool = False) -> None:
        """See ``_Result``; the page of a study shows and names no image."""
        from octcluster.outputs.study.files import write_study_files  # noqa: PLC0415

        write_study_files(self.outcome, folder, self.arguments, self.started)

    def __repr__(self) -> str:
        from octcluster.outputs.study.words import tell_study  # noqa: PLC0415

        return "\n".join([*tell_study(self.outcome), RESEARCH_USE_ONLY])


@contextmanager
def prepared_out(
    folder: str | Path | None, command: str, asked: Mapping[str, object], overwrite: bool
) -> Iterator[None]:
    """The folder of the outputs, this job's alone; nothing if none is to be written."""
    if folder is None:
        yield
        return
    with prepared_folder(Path(folder), command):
        check_replaceable(find_record(Path(folder), command), asked, overwrite=overwrite)
        yield


def _frame(*arguments: Any, **options: Any) -> "DataFrame":
    import pandas as pd  # noqa: PLC0415

    return pd.DataFrame(*arguments, **options)
