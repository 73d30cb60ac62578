"""The whole of a run's arithmetic: preparation, clustering, scoring and the choice among the results."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from octcluster_clusterer.engine.blocks import Blocks
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.mapping.mapper import Mapper, NeighborMap, started_mapper
from octcluster_clusterer.memory import MemoryAllowance
from octcluster_clusterer.model import ClusteringResult, Members, Report, RunSpec, Stage
from octcluster_clusterer.preparation.prepare import PreparedVectors, prepare
from octcluster_clusterer.preparation.rules import works_on_blocks
from octcluster_clusterer.preparation.units import gather_units
from octcluster_clusterer.runs.choice import choose
from octcluster_clusterer.runs.clusterings import find_clusterings, fit_run, score_clusterings
from octcluster_clusterer.runs.memory_estimate import check_memory, find_map_obstacle
from octcluster_clusterer.runs.records import RunResult
from octcluster_clusterer.runs.spec_rules import check_spec, list_clusterings
from octcluster_clusterer.runs.stability_parts import PartClustering, cluster_part, cluster_parts
from octcluster_clusterer.runs.stage_costs import StageCosts
from octcluster_clusterer.shared_work import SharedWork, digest_vectors
from octcluster_clusterer.trust.associations import find_associations
from octcluster_clusterer.trust.duplicates import Duplicates
from octcluster_clusterer.trust.intervals import add_intervals
from octcluster_clusterer.trust.near_duplicates import find_duplicates
from octcluster_clusterer.trust.patients import number_patients
from octcluster_clusterer.trust.stability import find_stability

_INTERVAL_STEPS = 10
_PAIR_BYTES = 256


def run_pipeline(
    blocks: Blocks,
    members: Members,
    spec: RunSpec,
    report: Report,
    memory: MemoryAllowance | None = None,
    shared: SharedWork | None = None,
) -> RunResult:
    """Prepares vectors, clusters them in every way the spec asks for, scores the results and chooses one.

    And says how far to trust them: near-duplicates, intervals, what the clusters go with, stability.

    The same arguments give the same result bit for bit, whatever the number of threads or processors.

    Args:
        blocks: The members' vectors. Handed over: used up; the caller closes them.
        members: What is known of each member. Its units are what is clustered and judged.
        spec: What to do.
        report: Told of progress in Stage.PREPARING (in steps), CLUSTERING (in clusterings), SCORING (in
            members), TRUSTING (in steps) and MAPPING (in rounds), often; raises RunCancelled to stop the
            run. The search for near-duplicates needs the vectors before they are prepared, and is told as
            PREPARING of unknown length; its time is TRUSTING's. The choice among results begins TRUSTING, of
            unknown length.
        memory: What the run may take; None: not checked.
        shared: Keeps steps for other runs on the same vectors; None: all is done anew.

    Returns:
        One result for each algorithm and number of clusters, with the times of the stages.

    Raises:
        InvalidRequest: The spec breaks a rule or does not fit the vectors or the memory.
        RunCancelled: ``report`` raised it.
    """
    units = gather_units(members)
    check_spec(spec, len(members), len(units))
    if blocks.dimension != spec.space.dimension:
        raise InvalidRequest(
            f"vectors have {blocks.dimension} values, not {spec.space.dimension} as their space says"
        )
    costs = StageCosts()
    # BLAS and OpenMP add in another order with another number of threads: one thread each gives the same bits
    # on every machine. What takes long and can be shared out runs in parallel in tiles.py.
    obstacle = "" if memory is None else find_map_obstacle(spec, len(members), memory, n_units=len(units))
    if blocks.matrix is None and not works_on_blocks(spec.preparation, len(members), blocks.dimension):
        blocks = MemoryBlocks(blocks.bring(lambda: report(Stage.PREPARING, 0, 0)))
    with threadpool_limits(limits=1), started_mapper(spec.umap, len(units), obstacle) as mapper:
        with costs.measured(Stage.TRUSTING):
            duplicates = _find_duplicates(blocks, members, spec, report, shared)
        with costs.measured(Stage.PREPARING):
            prepared = prepare(
                blocks,
                spec.preparation,
                number_patients(members.patient_indices, len(members)),
                spec.seed,
                lambda done, total: report(Stage.PREPARING, done, total),
                shared if blocks.matrix is not None else None,
                units=members.unit_indices,
            )
        if memory is not None:
            # Only now is it known how many components hold the share of the variance asked for.
            check_memory(spec, len(members), memory, prepared.blocks.dimension, n_units=len(units))
        # In a process of its own, beside all that follows.
        mapper.begin(prepared.blocks, prepared.coordinates, spec.seed, lambda: report(Stage.PREPARING, 0, 0))
        with costs.measured(Stage.CLUSTERING):
            clusterings = find_clusterings(prepared, spec, report)
            fitted = fit_run(prepared, clusterings, report)
        with costs.measured(Stage.SCORING):
            results = score_clusterings(prepared.blocks, clusterings, units.class_indices, spec.seed, report)
        with costs.measured(Stage.TRUSTING):
            choice = choose(
                results,
                [clustering.search for clustering in clusterings],
                prepared.blocks,
                spec.seed,
                lambda: report(Stage.TRUSTING, 0, 0),
                prepared.part_dimensions,
            )
            results = [
                replace(result, rating=choice.ratings.get(index)) for index, result in enumerate(results)
            ]
            results = _judge_trust(results, units, spec, report)
            if spec.stability_resamples:
                results[choice.index] = _add_stability(
                    results[choice.index], prepared, units, spec, report, mapper
                )
        neighbor_map = _find_map(mapper, prepared, spec, report, costs)
    return RunResult(
        results=results,
        chosen=choice.index,
        chosen_reason=choice.reason,
        coordinates=prepared.coordinates,
        input_dimension=spec.space.dimension,
        prepared_dimension=prepared.blocks.dimension,
        explained_variance_ratios=prepared.explained_variance_ratios,
        stage_seconds={stage: costs.seconds[stage] for stage in Stage if stage in costs.seconds},
        stage_peak_bytes=costs.peak_bytes,
        duplicates=duplicates,
        fitted=fitted,
        umap_coordinates=neighbor_map.coordinates,
        umap_missing_reason=neighbor_map.missing_reason,
        umap_sampled_units=neighbor_map.sampled_members,
        patient_whitening=prepared.patient_whitening,
    )


def _find_duplicates(
    blocks: Blocks, members: Members, spec: RunSpec, report: Report, shared: SharedWork | None
) -> Duplicates:
    """The near-duplicates; those of an earlier run if it had the same members."""

    def report_step() -> None:
        report(Stage.PREPARING, 0, 0)

    def find() -> Duplicates:
        return find_duplicates(
            blocks, members.image_keys, spec.seed, report_step, usual_spread=spec.usual_spread
        )

    if shared is None or blocks.matrix is None:
        return find()
    digest = digest_vectors(blocks.matrix, report_step)
    key = ("near-duplicates", digest, members.image_keys.tobytes(), spec.seed, spec.usual_spread)
    return shared.find(key, find, lambda found: members.image_keys.nbytes + _PAIR_BYTES * len(found.pairs))


def _judge_trust(
    results: Sequence[ClusteringResult], units: Members, spec: RunSpec, report: Report
) -> list[ClusteringResult]:
    """Adds intervals and associations to all results."""
    patients = number_patients(units.patient_indices, len(units))
    steps = _count_trust_steps(spec)

    def report_share(share: float) -> None:
        report(Stage.TRUSTING, int(_INTERVAL_STEPS * share), steps)

    scores = add_intervals(results, units.class_indices, patients, spec.seed, report_share)
    trusted: list[ClusteringResult] = []
    for result, with_intervals in zip(results, scores, strict=True):
        associations = find_associations(result.labels, units)
        trusted.append(replace(result, scores=with_intervals, associations=associations))
        report(Stage.TRUSTING, _INTERVAL_STEPS + len(trusted), steps)
    return trusted


def _add_stability(
    result: ClusteringResult,
    prepared: PreparedVectors,
    units: Members,
    spec: RunSpec,
    report: Report,
    mapper: Mapper,
) -> ClusteringResult:
    steps = _count_trust_steps(spec)
    done = steps - spec.stability_resamples
    n_clusters = result.requested_clusters or 0
    how = PartClustering(result.algorithm, n_clusters, spec.seed, prepared.part_dimensions)

    def report_step() -> None:
        report(Stage.TRUSTING, done, steps)

    def cluster_here(vectors: NDArray[np.float32], part: int) -> NDArray[np.int32]:
        nonlocal done
        done = steps - spec.stability_resamples + part
        report_step()
        return cluster_part(how, vectors, part, report_step)

    stability = find_stability(
        prepared.blocks,
        result.labels,
        number_patients(units.patient_indices, len(units)),
        spec.stability_resamples,
        spec.seed,
        cluster_here,
        cluster_all=partial(cluster_parts, how, mapper, report_step),
    )
    report(Stage.TRUSTING, steps, steps)
    return replace(result, stability=stability)


def _count_trust_steps(spec: RunSpec) -> int:
    return _INTERVAL_STEPS + len(list_clusterings(spec)) + spec.stability_resamples


def _find_map(
    mapper: Mapper,
    prepared: PreparedVectors,
    spec: RunSpec,
    report: Report,
    costs: StageCosts,
) -> NeighborMap:
    if not spec.umap:
        return NeighborMap()
    with costs.measured(Stage.MAPPING):
        return mapper.finish(prepared.blocks, lambda done, total: report(Stage.MAPPING, done, total))
