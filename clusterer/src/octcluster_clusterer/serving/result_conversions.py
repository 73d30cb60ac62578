"""From plain data to the messages of the contract: where a run stands and what it found."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb

from octcluster_clusterer.clustering.joining import count_clustered
from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.model import (
    Association,
    ClusteringResult,
    Contingency,
    RunSpec,
    Score,
    Scores,
    Stability,
    Stage,
)
from octcluster_clusterer.preparation.whitening_decision import WhiteningDecision
from octcluster_clusterer.runs.records import RunError, RunRecord, RunResult, RunStatus
from octcluster_clusterer.serving.conversions import from_algorithm, from_spec
from octcluster_clusterer.serving.run_owners import from_kept_id
from octcluster_clusterer.trust.duplicates import Duplicates, DuplicateSearch

MEMBERS_PER_MESSAGE = 10_000
FITTED_MISSING = (
    "what puts other images into its clusters is too large to keep: start a run with pooled vectors or fewer "
    "principal components (--pca)"
)


def from_status(status: RunStatus) -> pb.RunStatus:
    """Converts a status."""
    return pb.RunStatus(
        run_id=from_kept_id(status.run_id),
        state=pb.RunState.Value(f"RUN_STATE_{status.state.upper()}"),
        stage=_from_stage(status.stage) if status.stage else pb.RUN_STAGE_UNSPECIFIED,
        stage_done=status.stage_done,
        stage_total=status.stage_total,
        queue_position=status.queue_position,
        error=_from_error(status.error) if status.error else None,
        members=status.n_members,
        created=_from_time(status.created),
        started=_from_time(status.started),
        finished=_from_time(status.finished),
        not_kept_reason=status.not_kept_reason,
    )


def _from_stage(stage: Stage) -> "pb.RunStage.ValueType":
    return pb.RunStage.Value(f"RUN_STAGE_{stage.upper()}")


def _from_error(error: RunError) -> pb.RunError:
    code = pb.RunErrorCode.Value(f"RUN_ERROR_CODE_{error.code.upper()}")
    return pb.RunError(code=code, message=error.message)


def _from_time(time: datetime | None) -> Timestamp | None:
    if time is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(time)
    return timestamp


def from_record(record: RunRecord) -> pb.GetRunResponse:
    """Converts a run as it stands, without its assignments."""
    result = from_result(record.result, record.spec) if record.result else None
    return pb.GetRunResponse(status=from_status(record.status), result=result)


def from_result(result: RunResult, spec: RunSpec) -> pb.RunResult:
    """Converts what a run found, without its assignments."""
    return pb.RunResult(
        results=[_from_clustering(one) for one in result.results],
        chosen=result.chosen,
        chosen_reason=result.chosen_reason,
        input_dimension=result.input_dimension,
        prepared_dimension=result.prepared_dimension,
        explained_variance_ratios=result.explained_variance_ratios,
        stage_times=[
            pb.StageTime(
                stage=_from_stage(stage),
                seconds=seconds,
                peak_memory_bytes=result.stage_peak_bytes.get(stage, 0),
            )
            for stage, seconds in result.stage_seconds.items()
        ],
        spec=from_spec(spec),
        duplicates=_from_duplicates(result.duplicates),
        umap_missing_reason=result.umap_missing_reason,
        umap_sampled_units=result.umap_sampled_units or 0,
        fitted_missing_reason=_explain_missing(result),
        patient_whitening=_from_decision(result.patient_whitening) if result.patient_whitening else None,
        units=len(result.coordinates),
    )


def _explain_missing(result: RunResult) -> str:
    """Why other images cannot be put into the clusters of the chosen result; empty if they can."""
    if result.fitted is None:
        return FITTED_MISSING
    return "" if result.fitted.rules[result.chosen] is not None else "all members are noise"


def _from_decision(decision: WhiteningDecision) -> pb.WhiteningDecision:
    return pb.WhiteningDecision(**vars(decision))


def _from_duplicates(duplicates: Duplicates) -> pb.Duplicates:
    return pb.Duplicates(
        pairs=[pb.NearDuplicate(**vars(pair)) for pair in duplicates.pairs],
        total_pairs=duplicates.total_pairs,
        threshold=duplicates.threshold,
        search=_from_search(duplicates.search) if duplicates.search else None,
    )


def _from_search(search: DuplicateSearch) -> pb.DuplicateSearch:
    return pb.DuplicateSearch(
        sampled_members=search.sampled_members,
        sampled_pairs=search.sampled_pairs,
        recall=_from_score(search.recall),
        exceeded=search.exceeded,
    )


def _from_clustering(result: ClusteringResult) -> pb.ClusteringResult:
    sizes = result.cluster_sizes
    return pb.ClusteringResult(
        algorithm=from_algorithm(result.algorithm),
        requested_clusters=result.requested_clusters or 0,
        clusters=len(sizes),
        noise=len(result.labels) - int(sizes.sum()),
        scores=_from_scores(result.scores),
        contingency=_from_contingency(result.contingency) if result.contingency else None,
        seconds=result.seconds,
        cluster_sizes=sizes,
        stability=_from_stability(result.stability) if result.stability else None,
        associations=[_from_association(one) for one in result.associations],
        rating=result.rating,
        class_of_cluster=result.class_of_cluster,
        sampled_units=count_clustered(result.algorithm, len(result.labels)) or 0,
    )


def _from_stability(stability: Stability) -> pb.Stability:
    return pb.Stability(
        overall=_from_score(stability.overall),
        clusters=[_from_score(one) for one in stability.clusters],
        resamples=stability.resamples,
    )


def _from_association(association: Association) -> pb.Association:
    return pb.Association(
        name=association.name,
        mutual_information=association.mutual_information,
        adjusted_mutual_information=_from_score(association.adjusted_mutual_information),
        members=association.members,
    )


def _from_contingency(contingency: Contingency) -> pb.Contingency:
    return pb.Contingency(
        class_indices=contingency.class_indices,
        clusters=contingency.clusters,
        counts=contingency.counts.ravel(),
    )


def _from_scores(scores: Scores) -> pb.Scores:
    return pb.Scores(**{field.name: _from_score(getattr(scores, field.name)) for field in fields(scores)})


def _from_score(score: Score) -> pb.Score:
    if score.value is None:
        return pb.Score(undefined_reason=score.undefined_reason or "")
    interval = pb.Interval(low=score.interval.low, high=score.interval.high) if score.interval else None
    return pb.Score(value=score.value, interval=interval, sampled_members=score.sampled_members or 0)


def from_assignments(record: RunRecord, result_index: int) -> Iterator[pb.StreamAssignmentsResponse]:
    """Converts the units' assignments in one result of a run, message by message.

    Raises:
        InvalidRequest: The run has no result of this index.
    """
    run = find_result(record, result_index)
    result = run.results[result_index]
    umap = run.umap_coordinates
    for start in range(0, len(record.image_keys), MEMBERS_PER_MESSAGE):
        part = slice(start, start + MEMBERS_PER_MESSAGE)
        yield pb.StreamAssignmentsResponse(
            image_keys=[key.tobytes() for key in record.image_keys[part]],
            clusters=result.labels[part],
            silhouettes=result.silhouettes[part],
            x=run.coordinates[part, 0],
            y=run.coordinates[part, 1],
            umap_x=None if umap is None else umap[part, 0],
            umap_y=None if umap is None else umap[part, 1],
            distances=result.distances[part],
        )


def find_result(record: RunRecord, result_index: int) -> RunResult:
    """The run's result, if it has one of this index; raises InvalidRequest."""
    if record.result is None or result_index >= len(record.result.results):
        n_results = len(record.result.results) if record.result else 0
        raise InvalidRequest(f"result_index is {result_index}, the run has {n_results} results, from 0")
    return record.result
