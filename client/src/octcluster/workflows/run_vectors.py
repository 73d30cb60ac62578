"""The vectors of a finished run's own images: prepared ones, and clusterings of some of them.

cache of the run ── vectors ──▶ clusterer ── prepared as in the run ──▶ caller
       ▲                            └── clustered again ──▶ caller
image files ─▶ embedder: only where the cache has lost some
"""

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from octcluster.clients.clusterer import ClustererClient
from octcluster.images.image_set import Scan
from octcluster.model.errors import NotThere
from octcluster.model.own_vectors import OWN_VECTORS
from octcluster.model.progress import Progress
from octcluster.model.recipes import Recipe
from octcluster.model.run_model import RunModel
from octcluster.model.runs import Member, Preparation, RunSpec
from octcluster.workflows.assign_targets import find_space
from octcluster.workflows.embedding import CacheFiller, read_keys
from octcluster.workflows.finished_runs import FinishedRun
from octcluster.workflows.services import (
    ServiceOptions,
    cancel_run,
    connected_clients,
    connected_clusterer,
    started_services,
)
from octcluster.workflows.stages import RunWatcher, Stages


@dataclass(frozen=True)
class RunImages:
    """Images of a run.

    Attributes:
        image_keys: Their keys.
        patients: Number of each one's patient; None: unknown.
        find_scan: The scan at a position, to read it again if its vector is lost.
    """

    image_keys: Sequence[bytes]
    patients: Sequence[int | None]
    find_scan: Callable[[int], Scan]


def fetch_prepared(
    run: FinishedRun,
    images: RunImages,
    options: ServiceOptions,
    progress: Progress,
    take: Callable[[Sequence[bytes], bytes], None],
) -> None:
    """Fetches the vectors of images as they were clustered.

    Args:
        run: The run.
        images: Some of its images.
        options: Services with its cache, or others; see ServiceOptions.
        progress: Told how far it is.
        take: Given keys, each once, and their prepared vectors, float32, little-endian, one after the other.
            Images whose vectors are lost, and whose files cannot be read, are left out.

    Raises:
        NotThere: The run has no model file.
        OctclusterError: It could not be done; the message says what to do.
    """
    model = _find_model(run)
    keys = list(dict.fromkeys(images.image_keys))
    with _clusterer_with_vectors(model, images, options, progress) as clusterer:
        progress.stage("Preparing vectors", len(keys), "images")
        digest = clusterer.put_fitted_run(model.fitted or b"")
        done = 0
        for found, vectors in clusterer.prepared_vectors(digest, keys):
            take(found, vectors)
            done += len(found)
            progress.update(done, len(keys))


def cluster_again(
    run: FinishedRun, images: RunImages, clusters: int, options: ServiceOptions, progress: Progress
) -> list[int]:
    """Clusters some images of a run by themselves, by the run's own recipe.

    Args:
        run: The run.
        images: Some of its images.
        clusters: How many clusters to find.
        options: See fetch_prepared.
        progress: Told how far it is.

    Returns:
        The cluster of each image; -1 noise.

    Raises:
        NotThere: The run has no model file, or no record of its recipe.
        OctclusterError: It could not be done; the message says what to do.
    """
    model = _find_model(run)
    spec = _make_spec(run, model, len(images.image_keys), clusters)
    members = [
        Member(key, patient_index=patient)
        for key, patient in zip(images.image_keys, images.patients, strict=True)
    ]
    with _clusterer_with_vectors(model, images, options, progress) as clusterer:
        clusterer.check_run(spec, len(members))
        try:
            clusterer.start_run(spec, members)
            clusterer.wait(spec.run_id, RunWatcher(Stages(progress)))
            result = clusterer.result(spec.run_id)
            return list(clusterer.assignments(spec.run_id, result.chosen).clusters)
        except BaseException:
            cancel_run(options, clusterer.address, spec.run_id)
            raise
        finally:
            clusterer.delete(spec.run_id)


def _find_model(run: FinishedRun) -> RunModel:
    if run.model is None:
        raise NotThere(
            "the result has no model.npz, without which its vectors cannot be prepared: do the run again"
        )
    return run.model


def _make_spec(run: FinishedRun, model: RunModel, images: int, clusters: int) -> RunSpec:
    """What the run was asked to do, for fewer images."""
    try:
        folder = run.folder
        record: dict[str, Any] = json.loads((folder / "run.json").read_bytes()) if folder else {}
        told = {name: value for name, value in record["recipe"].items() if name != "preparation"}
        recipe = Recipe(
            **{**told, "name": told["name"] or "", "algorithms": tuple(told["algorithms"])},
            preparation=Preparation(**record["recipe"]["preparation"]),
        )
        seed = int(record["seed"])
    except (OSError, ValueError, KeyError, TypeError):
        raise NotThere("run.json does not tell the recipe of the run: do the run again") from None
    parts = model.space.part_dimensions if len(model.space.part_dimensions) > 1 else ()
    return RunSpec(
        space=model.space,
        preparation=replace(recipe.preparation_for(images), part_dimensions=parts),
        algorithms=recipe.algorithms,
        min_clusters=clusters,
        max_clusters=clusters,
        seed=seed,
        run_id=uuid.uuid4().hex,
    )


@contextmanager
def _clusterer_with_vectors(
    model: RunModel, images: RunImages, options: ServiceOptions, progress: Progress
) -> Iterator[ClustererClient]:
    """A clusterer that has the vectors of the images; an embedder is used only if it lacks some."""
    stages = Stages(progress)
    with (
        started_services(options, progress, embedder=False) as stack,
        connected_clusterer(options, stack, stages) as clusterer,
    ):
        missing = set(clusterer.find_missing(model.space, list(dict.fromkeys(images.image_keys))))
        if not missing:
            yield clusterer
            return
    if model.space.model == OWN_VECTORS:
        raise NotThere(
            "the cache has lost vectors of this run, which came out of a file: do the run again with "
            "that file"
        )
    with (
        started_services(options, progress) as stack,
        connected_clients(options, stack, stages) as (embedder, clusterer),
    ):
        positions = [position for position, key in enumerate(images.image_keys) if key in missing]
        stages.begin("Reading", len(positions), "images")
        scans = read_keys([images.find_scan(p) for p in positions], options.key_secret, stages.update)
        space = find_space(embedder, model.space.digest, model.space)
        CacheFiller(embedder, clusterer, space, options.key_secret, stages).fill(scans)
        yield clusterer
