"""Looks at images, and studies of many ways to cluster them: ``octcluster.describe`` and ``study``."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from octcluster.given_images import Images, Labels, given
from octcluster.images.image_set import sample_per_class, seems_oct2017
from octcluster.images.readers.processes import kept_workers
from octcluster.images.scan_choice import ALL
from octcluster.model.progress import Progress, Silence
from octcluster.notebook_images import Place, find_all, record
from octcluster.notebook_options import as_paths, check_names, check_option
from octcluster.notebook_results import Described, Study, prepared_out
from octcluster.outputs.earlier_result import request
from octcluster.workflows.describe import describe_images
from octcluster.workflows.extras import check_extra
from octcluster.workflows.looks import HeaderCollector
from octcluster.workflows.study import StudyOptions, StudyOutcome, run_study

_DECIDED_BY_THE_MATRIX = ("model", "model_file", "weights", "weights_sha256")


@kept_workers()
def describe(  # noqa: PLR0913 - the options of the command, by keyword
    images: Images,
    *,
    labels: Labels = "auto",
    scans: str | int = ALL,
    headers_only: bool = False,
    samples: int = 6,
    seed: int = 0,
    thumbnails: bool = False,
    identified: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Described:
    """Looks at images before anything is learned from them; what ``octcluster describe`` does.

    Args:
        images: Folder, list of paths or volume; or paths; or arrays; see run.
        labels: See run.
        scans: See run.
        headers_only: Decode no image: several times faster, and damaged pixels stay unknown.
        samples: How many random images of each class the page has.
        seed: Seed of that choice.
        thumbnails: Show these images in the page, which is patients' data then.
        identified: Let the page name images and patients.
        out: Folder for the output files, outside of the images; None: write none.
        overwrite: Replace an earlier result there also where it is of other images or options.
        progress: See run.

    Returns:
        What the images are like.

    Raises:
        OctclusterError: It could not be done; the message says what to do.
    """
    started = datetime.now(UTC)
    check_extra("cli")
    scans, seed = check_option("scans", scans), check_option("seed", seed)
    samples = check_option("samples", samples)
    collector = HeaderCollector()
    with given(images, labels) as (source, label_source, content):
        Place(out, "describe").check(source)
        on_head = collector.take if headers_only else None
        image_set = find_all(source, label_source, scans, progress, on_head)
        options = {"headers-only": headers_only, "samples": samples, "seed": seed}
        asked = request(options, image_set, content)
        with prepared_out(out, "describe", asked, overwrite):
            description = describe_images(
                image_set, progress or Silence(), pixels=not headers_only, headers=collector.found
            )
            found = Described(description, started, record("describe", image_set, asked), samples, seed)
            if out is not None:
                found.write_files(Path(out), thumbnails=thumbnails, identified=identified)
    return found


@kept_workers()
def study(  # noqa: PLR0913 - the options of the command, by keyword
    images: Images,
    *,
    matrix: str | Path | None = None,
    published: bool | None = None,
    labels: Labels = "auto",
    scans: str | int = ALL,
    per_class: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Study:
    """Tries many features, preparations and algorithms on the same images; what ``octcluster study`` does.

    Args:
        images: See describe.
        matrix: TOML file that says what to compare; None: the built-in matrix.
        published: Set published figures beside ours; None: those of the built-in matrix if the images seem to
            be of OCT2017, and those of a file.
        labels: See run.
        scans: See run.
        per_class: See run.
        seed: Seed of every random choice.
        out: Folder for the output files, outside of the images; they grow with each part of the matrix.
        overwrite: Replace an earlier result there also where it is of other images or options.
        progress: See run.
        options: Fields of StudyOptions: ``embedder``, ``clusterer``, ``cache_dir``, ...

    Returns:
        What was found.

    Raises:
        OctclusterError: It could not be done; the message says what to do.
    """
    started = datetime.now(UTC)
    check_extra("cli")
    from octcluster.workflows.study_file import read_matrix  # noqa: PLC0415

    known = [field.name for field in fields(StudyOptions) if field.name not in _DECIDED_BY_THE_MATRIX]
    check_names("study", known, options)
    chosen = read_matrix(None if matrix is None else Path(matrix))
    scans, per_class = check_option("scans", scans), check_option("per_class", per_class)
    study_options = StudyOptions(seed=check_option("seed", seed), **as_paths(options))
    with given(images, labels) as (source, label_source, content):
        Place(out, "study").check(source)
        image_set = find_all(source, label_source, scans, progress)
        if per_class is not None:
            image_set = sample_per_class(image_set, per_class, study_options.seed)
        wanted = (matrix is not None or seems_oct2017(image_set)) if published is None else published
        chosen = chosen if wanted else replace(chosen, published=())
        told = {"matrix": chosen.text, "seed": study_options.seed, "published": wanted}
        asked = request(told, image_set, content)
        with prepared_out(out, "study", asked, overwrite):

            def wrap(outcome: StudyOutcome) -> Study:
                return Study(outcome, started, record("study", image_set, asked))

            def keep(outcome: StudyOutcome) -> None:
                if out is not None:
                    wrap(outcome).write_files(Path(out))

            return wrap(run_study(image_set, chosen, study_options, progress or Silence(), keep))
