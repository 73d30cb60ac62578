"""Whole jobs in one call, for notebooks and scripts: ``octcluster.run`` and ``octcluster.assign``."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from octcluster.given_images import Images, Labels
from octcluster.images.image_set import sample_per_class, spell_classes
from octcluster.images.readers.processes import kept_workers
from octcluster.images.scan_choice import ALL
from octcluster.model.cluster_range import as_cluster_range
from octcluster.model.progress import Progress, Silence
from octcluster.model.recipes import Recipe
from octcluster.notebook_images import Place, found_images, record
from octcluster.notebook_options import (
    check_assign_options,
    check_option,
    check_options_of_vectors,
    read_assign_options,
    read_run_options,
)
from octcluster.notebook_results import Assignment, Run, prepared_out
from octcluster.outputs.earlier_result import request, request_run
from octcluster.workflows.assign import assign_images
from octcluster.workflows.finished_runs import find_run
from octcluster.workflows.run import run_images
from octcluster.workflows.vector_assign import assign_vectors
from octcluster.workflows.vector_run import options_for, run_vectors


@kept_workers()
def run(  # noqa: PLR0913 - the options of the command, by keyword
    images: Images,
    *,
    k: int | str | tuple[int, int] = 4,
    recipe: str | Recipe | None = None,
    labels: Labels = "auto",
    scans: str | int = ALL,
    per_class: int | None = None,
    thumbnails: bool = False,
    identified: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Run:
    """Clusters images; what ``octcluster run`` does.

    Args:
        images: Folder, searched recursively, or text file with one path a line; or paths; or arrays, uint8 or
            uint16 of shape (height, width) or uint8 of (height, width, 3). Or vectors of images, which no
            embedder has to make: a ``.npy`` or Parquet file, an array of floats, shape (n_images, n_values),
            or a data frame with a column ``vector``.
        k: Number of clusters, or the smallest and the largest to choose from: 4, (2, 10) or "2:10".
        recipe: How images are clustered: a name out of RECIPES or a recipe of one's own; None: the default.
        labels: Where known classes come from, to compare with: ``auto``, ``folder``, ``folder:1``,
            ``filename``, ``none`` or the path of a CSV table; or a class for each of several images, or
            classes by image, or a data frame with the columns image,label,patient.
        scans: Which B-scans of each volume to take: ``all``, ``middle``, or how many, spread evenly about the
            middle.
        per_class: Take so many random images of each class; None: all.
        thumbnails: Show images in the report, which is patients' data then.
        identified: Name images and patients in the report as their files do.
        out: Folder for the output files, outside of the images; None: write none.
        overwrite: Replace an earlier result there also where it is of other images or options.
        progress: Told how far it is; ``octcluster.cli.terminal.progress.show_progress()`` prints it.
        options: Other options of the command: ``stability``, ``seed``, ``unit``, ``umap``, ``model``, those
            that change a recipe (``algorithm``, ``features``, ``pca``, ``whiten``, ...), and fields of
            RunOptions: ``embedder``, ``clusterer``, ``cache_dir``.

    Returns:
        What was found.

    Raises:
        OctclusterError: The run could not be done; the message says what to do.
    """
    started = datetime.now(UTC)
    run_options = read_run_options(as_cluster_range(k), recipe, options)
    scans, per_class = check_option("scans", scans), check_option("per_class", per_class)
    with found_images(images, labels, scans, progress, Place(out, "run")) as (all_images, content, own):
        if own is not None:
            check_options_of_vectors(options)
            run_options = options_for(own, run_options)
        image_set = all_images
        if per_class is not None:
            image_set = sample_per_class(all_images, per_class, run_options.seed)
        asked = request_run(run_options, image_set, content)
        with prepared_out(out, "run", asked, overwrite):
            if own is None:
                outcome = run_images(image_set, run_options, progress or Silence())
            else:
                outcome = run_vectors(replace(own, image_set=image_set), run_options, progress or Silence())
            found = Run(outcome, started, record("run", image_set, asked, run_options))
            if out is not None:
                found.write_files(Path(out), thumbnails=thumbnails, identified=identified)
    return found


@kept_workers()
def assign(  # noqa: PLR0913 - the options of the command, by keyword
    run: str | Path,
    images: Images,
    *,
    labels: Labels = "auto",
    scans: str | int = ALL,
    thumbnails: bool = False,
    identified: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Assignment:
    """Puts images into the clusters of a finished run; what ``octcluster assign`` does.

    Args:
        run: Folder that a run was written into, its ``model.npz`` alone, or, with ``clusterer``, a run id.
        images: See run.
        labels: See run.
        scans: See run.
        thumbnails: See run.
        identified: See run.
        out: Folder for the output files, outside of the images; None: write none.
        overwrite: Replace an earlier result there also where it is of other images or options.
        progress: See run.
        options: Other fields of AssignOptions: ``embedder``, ``clusterer``, ``cache_dir``. The model is that
            of the run.

    Returns:
        Where the images and their eyes lie.

    Raises:
        OctclusterError: It could not be done; the message says what to do.
    """
    started = datetime.now(UTC)
    check_assign_options(options)
    finished = find_run(str(run))
    assign_options = read_assign_options(finished, options)
    scans = check_option("scans", scans)
    with found_images(images, labels, scans, progress, Place(out, "assign")) as (found, content, own):
        image_set = spell_classes(found, finished.classes)
        asked = request({"run": finished.run_id}, image_set, content)
        with prepared_out(out, "assign", asked, overwrite):
            if own is None:
                outcome = assign_images(finished, image_set, assign_options, progress or Silence())
            else:
                check_options_of_vectors(options)
                vectors = replace(own, image_set=image_set)
                outcome = assign_vectors(finished, vectors, assign_options, progress or Silence())
            done = Assignment(outcome, started, record("assign", image_set, asked, assign_options))
            if out is not None:
                done.write_files(Path(out), thumbnails=thumbnails, identified=identified)
    return done
