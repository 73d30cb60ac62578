"""Messages become the library's own data and back."""

import math
import struct
from dataclasses import replace

import pytest
from known import known
from octcluster import (
    Association,
    Duplicates,
    DuplicateSearch,
    Embedding,
    EmbeddingSpace,
    EmbedFailure,
    Interval,
    MeasureSpace,
    Member,
    NearDuplicate,
    Placements,
    Preparation,
    RunSpec,
    RunState,
    Score,
    Stability,
    UnitPlacement,
)
from octcluster.clients import clusterer_conversions as c
from octcluster.clients import embedder_conversions as e
from octcluster.clients.assignment_reader import AssignmentReader
from octcluster.model.runs import ALGORITHMS, FEATURES, VIEWS
from octcluster.model.server_info import AlgorithmInfo
from octcluster_clusterer.serving.conversions import to_spec
from octcluster_protos.clusterer.v1 import clusterer_pb2 as clusterer
from octcluster_protos.embedder.v1 import embedder_pb2 as embedder

SPACE = EmbeddingSpace("net", "ab" * 32, "pillow-1", "pooled", "float32", 8, b"d" * 32)


@pytest.mark.parametrize(
    ("model", "features", "spread"),
    [("efficientnet-lite0", "blocks", 0.25), ("efficientnet-lite0", "pooled", 0.66), ("vgg16", "pooled", 0)],
)
def test_a_spec_tells_the_usual_spread_of_its_space_where_that_was_measured(
    model: str, features: str, spread: float
) -> None:
    spec = RunSpec(replace(SPACE, model=model, features=features), run_id="0" * 32)
    message = c.spec_message(spec)
    assert message.usual_spread == pytest.approx(spread)
    assert to_spec(message).usual_spread == message.usual_spread


def test_each_algorithm_and_feature_has_a_value() -> None:
    values = [clusterer.AlgorithmInfo(algorithm=c._algorithm(name)) for name in ALGORITHMS]
    infos = clusterer.GetServerInfoResponse(algorithms=values)
    assert c.read_clusterer_info(infos).algorithms == [AlgorithmInfo(name) for name in ALGORITHMS]
    assert len(ALGORITHMS) == len(clusterer.Algorithm.values()) - 1
    assert [embedder.Features.Name(e.features_message(name)) for name in FEATURES] == [
        "FEATURES_POOLED",
        "FEATURES_FLATTEN",
        "FEATURES_BLOCKS",
        "FEATURES_PIXELS",
    ]
    assert e.view_messages(VIEWS[-1]) == [embedder.VIEW_PLAIN, embedder.VIEW_RETINA]


def test_values_of_newer_servers_do_not_break() -> None:
    values = [
        clusterer.AlgorithmInfo(algorithm=clusterer.ALGORITHM_KMEANS),
        clusterer.AlgorithmInfo(algorithm=77),  # type: ignore[arg-type]  # a newer server's
    ]
    info = c.read_clusterer_info(clusterer.GetServerInfoResponse(algorithms=values))
    assert info.algorithms == [AlgorithmInfo("kmeans"), AlgorithmInfo("unknown-77")]


def test_the_server_says_which_algorithms_find_the_number_of_clusters() -> None:
    values = [
        clusterer.AlgorithmInfo(algorithm=clusterer.ALGORITHM_KMEANS),
        clusterer.AlgorithmInfo(algorithm=clusterer.ALGORITHM_MINIBATCH_KMEANS, finds_cluster_count=True),
    ]
    info = c.read_clusterer_info(clusterer.GetServerInfoResponse(algorithms=values))
    assert info.count_finders == {"minibatch-kmeans"}


@pytest.mark.parametrize(
    ("pca", "field", "value"),
    [
        (None, None, None),
        (0.95, "pca_variance", 0.95),
        (1.0, "pca_variance", 1.0),
        (64, "pca_components", 64),
    ],
)
def test_pca_is_a_share_or_a_number(pca: float | None, field: str | None, value: float | None) -> None:
    spec = RunSpec(SPACE, Preparation(pca=pca), run_id="0" * 32)
    message = next(c.start_run_messages(spec, [], 10)).spec
    assert message.preparation.WhichOneof("pca") == field
    if field is not None:
        assert getattr(message.preparation, field) == value


def test_members_are_cut_and_unknown_is_minus_one() -> None:
    members = [
        Member(bytes([i]) * 32, class_index=None if i == 1 else i, patient_index=None) for i in range(5)
    ]
    first, *chunks = c.start_run_messages(RunSpec(SPACE, run_id="0" * 32), members, 2)
    assert first.WhichOneof("payload") == "spec"
    assert [list(chunk.members.class_indices) for chunk in chunks] == [[0, -1], [2, 3], [4]]
    assert all(not chunk.members.patient_indices for chunk in chunks)
    keys = [key for chunk in chunks for key in chunk.members.image_keys]
    assert keys == [member.image_key for member in members]


def test_status() -> None:
    message = clusterer.RunStatus(
        run_id="ab",
        state=clusterer.RUN_STATE_FAILED,
        stage=clusterer.RUN_STAGE_SCORING,
        error=clusterer.RunError(code=clusterer.RUN_ERROR_CODE_VECTORS_MISSING, message="put them"),
    )
    message.created.FromJsonString("2026-01-02T03:04:05Z")
    status = c.read_status(message)
    assert (status.state, status.stage, status.error_code) == (RunState.FAILED, "scoring", "vectors_missing")
    assert status.state.ended
    assert known(status.created).isoformat() == "2026-01-02T03:04:05+00:00"
    assert c.read_status(clusterer.RunStatus(state=clusterer.RUN_STATE_QUEUED)).created is None


def test_result() -> None:
    result = clusterer.RunResult(
        results=[
            clusterer.ClusteringResult(
                algorithm=clusterer.ALGORITHM_MINIBATCH_KMEANS,
                requested_clusters=2,
                clusters=2,
                scores=clusterer.Scores(
                    silhouette=clusterer.Score(value=0.0, sampled_members=8192),
                    accuracy=clusterer.Score(undefined_reason="no class is known"),
                ),
                contingency=clusterer.Contingency(class_indices=[0, 1], clusters=[-1, 0, 1], counts=range(6)),
                cluster_sizes=[5, 4],
                class_of_cluster=[1, -1],
                rating=0,
            ),
            clusterer.ClusteringResult(algorithm=clusterer.ALGORITHM_HDBSCAN, sampled_units=32_768),
        ],
        stage_times=[
            clusterer.StageTime(stage=clusterer.RUN_STAGE_LOADING, seconds=0.5, peak_memory_bytes=2**33),
            clusterer.StageTime(stage=clusterer.RUN_STAGE_SCORING, seconds=0.25),
        ],
        umap_sampled_units=16_384,
    )
    read = c.read_result(result)
    assert read.umap_sampled_units == 16_384
    assert c.read_result(clusterer.RunResult()).umap_sampled_units is None
    first, second = read.results
    assert (first.algorithm, first.requested_clusters) == ("minibatch-kmeans", 2)
    assert first.scores.silhouette == Score(value=0.0, sampled_units=8192)
    assert first.scores.accuracy == Score(undefined_reason="no class is known")
    assert first.scores.purity.value is None
    assert known(first.contingency).counts == [[0, 1, 2], [3, 4, 5]]
    assert (second.requested_clusters, second.contingency) == (None, None)
    assert (first.rating, second.rating) == (0, None)
    assert (first.sampled_units, second.sampled_units) == (None, 32_768)
    assert (first.class_of_cluster, second.class_of_cluster) == ({0: 1}, {})
    assert read.stage_seconds == {"loading": 0.5, "scoring": 0.25}
    assert read.stage_peak_bytes == {"loading": 2**33}


def test_assignments_are_joined_and_nan_is_none() -> None:
    messages = [
        clusterer.StreamAssignmentsResponse(
            image_keys=[b"a" * 32],
            clusters=[0],
            silhouettes=[0.5],
            x=[1],
            y=[2],
            umap_x=[5],
            umap_y=[6],
            distances=[0.25],
        ),
        clusterer.StreamAssignmentsResponse(
            image_keys=[b"b" * 32],
            clusters=[-1],
            silhouettes=[math.nan],
            x=[3],
            y=[4],
            umap_x=[7],
            umap_y=[8],
            distances=[math.nan],
        ),
    ]
    reader = AssignmentReader()
    for message in messages:
        reader.add(message)
    joined = reader.assignments()
    columns = {name: list(column) for name, column in vars(joined).items()}
    assert columns == {
        "image_keys": [b"a" * 32, b"b" * 32],
        "clusters": [0, -1],
        "silhouettes": [0.5, None],
        "distances": [0.25, None],
        "x": [1, 3],
        "y": [2, 4],
        "umap_x": [5, 7],
        "umap_y": [6, 8],
    }
    assert (joined.silhouettes[-1], joined.silhouettes[:1], joined.image_keys[1]) == (None, [0.5], b"b" * 32)


def test_embed_result() -> None:
    space = MeasureSpace(("width", "brightness"), bytes(32))
    good = embedder.EmbedResult(vector=b"1234", measures=struct.pack("<2f", 512, 40.5))
    bad = embedder.EmbedResult(
        error=embedder.EmbedError(code=embedder.EMBED_ERROR_CODE_TOO_SMALL, message="small")
    )
    assert e.read_embed_result(good, space) == Embedding(b"1234", (512, 40.5))
    assert e.read_embed_result(bad, space) == EmbedFailure("too_small", "small")
    nothing = e.read_embed_result(embedder.EmbedResult(), space)
    assert nothing == EmbedFailure("internal", "the embedder gave no reason")
    with pytest.raises(ValueError, match="0 bytes are not 2 measures"):
        e.read_embed_result(embedder.EmbedResult(vector=b"1234"), space)


def test_spaces_are_found_by_features_flip_and_views() -> None:
    spaces = [
        embedder.EmbeddingSpace(
            features=embedder.FEATURES_BLOCKS,
            flip=flip,
            dimension=5,
            part_dimensions=[2, 3],
            digest=digest,
            views=views,
        )
        for flip, views, digest in (
            (False, [embedder.VIEW_PLAIN], b"a"),
            (True, [embedder.VIEW_PLAIN], b"b"),
            (True, [embedder.VIEW_PLAIN, embedder.VIEW_RETINA], b"c"),
        )
    ]
    info = e.read_embedder_info(
        embedder.GetServerInfoResponse(
            models=[embedder.ModelInfo(name="net", spaces=spaces)],
            measures=embedder.MeasureSpace(names=["width", "height"], digest=b"m"),
        )
    )
    found = info.models[0].spaces
    assert {key: space.digest for key, space in found.items()} == {
        ("blocks", False, ("plain",)): b"a",
        ("blocks", True, ("plain",)): b"b",
        ("blocks", True, ("plain", "retina")): b"c",
    }
    flipped = found["blocks", True, ("plain",)]
    assert (flipped.flip, flipped.part_dimensions) == (True, (2, 3))
    message = c.space_message(info.measures)
    assert (message.digest, message.dimension, message.data_type) == (b"m", 2, clusterer.DATA_TYPE_FLOAT32)
    assert info.measures.unpack(info.measures.pack((512, 40.5))) == (512, 40.5)


def test_the_whole_spec_travels() -> None:
    preparation = Preparation(
        pca=64, whiten=True, part_dimensions=(3, 5), whiten_within_patients=True, normalize_prepared=True
    )
    message = next(c.start_run_messages(RunSpec(SPACE, preparation, stability_resamples=7), [], 10)).spec
    assert list(message.preparation.part_dimensions) == [3, 5]
    assert message.preparation.whiten
    assert message.preparation.whiten_within_patients
    assert message.preparation.normalize_prepared
    assert message.stability_resamples == 7


def test_numbers_are_the_same_columns_in_every_chunk_and_unknown_is_nan() -> None:
    numbers = [{"width": 512.0, "brightness": 40.5}, {"width": 768.0}, {}]
    members = [Member(bytes([i]) * 32, numbers=known) for i, known in enumerate(numbers)]
    _, *chunks = c.start_run_messages(RunSpec(SPACE, run_id="0" * 32), members, 2)
    columns = [
        {column.name: list(column.values) for column in chunk.members.number_columns} for chunk in chunks
    ]
    assert [list(names) for names in columns] == [["width", "brightness"]] * 2
    assert columns[0]["width"] == [512, 768]
    assert columns[0]["brightness"][0] == 40.5
    assert all(math.isnan(value) for value in (columns[0]["brightness"][1], *columns[1]["width"]))


def test_trust_is_read() -> None:
    interval = clusterer.Interval(low=0.25, high=0.75)
    result = clusterer.RunResult(
        results=[
            clusterer.ClusteringResult(
                algorithm=clusterer.ALGORITHM_CONSENSUS,
                scores=clusterer.Scores(accuracy=clusterer.Score(value=0.5, interval=interval)),
                stability=clusterer.Stability(
                    overall=clusterer.Score(value=0.875),
                    clusters=[clusterer.Score(value=0.5), clusterer.Score(undefined_reason="one image")],
                    resamples=10,
                ),
                associations=[
                    clusterer.Association(
                        name="width",
                        mutual_information=0.5,
                        adjusted_mutual_information=clusterer.Score(value=0.25),
                        members=9,
                    )
                ],
            ),
            clusterer.ClusteringResult(),
        ],
        duplicates=clusterer.Duplicates(
            pairs=[clusterer.NearDuplicate(first_member=1, second_member=4, similarity=0.5)],
            total_pairs=3,
            threshold=0.25,
            search=clusterer.DuplicateSearch(
                sampled_members=60,
                sampled_pairs=8,
                recall=clusterer.Score(value=0.75, interval=clusterer.Interval(low=0.5, high=0.875)),
                exceeded=True,
            ),
        ),
    )
    read = c.read_result(result)
    first, second = read.results
    assert first.scores.accuracy == Score(value=0.5, interval=Interval(0.25, 0.75))
    assert first.stability == Stability(Score(0.875), [Score(0.5), Score(undefined_reason="one image")], 10)
    assert first.associations == [Association("width", 0.5, Score(0.25), 9)]
    assert (second.stability, second.associations) == (None, [])
    search = DuplicateSearch(60, 8, Score(0.75, interval=Interval(0.5, 0.875)), exceeded=True)
    assert read.duplicates == Duplicates([NearDuplicate(1, 4, 0.5)], 3, 0.25, search)
    exact = clusterer.RunResult(results=[clusterer.ClusteringResult()])
    assert c.read_result(exact).duplicates.search is None


def test_placements_are_joined() -> None:
    messages = [
        clusterer.AssignResponse(
            image_keys=[b"a"],
            clusters=[1],
            distances=[0.5],
            margins=[0.25],
            outliers=[True],
            percentiles=[99],
            fitted_agreement=0.75,
        ),
        clusterer.AssignResponse(
            units=clusterer.UnitPlacements(unit_numbers=[7], clusters=[1], margins=[0.5], images=[3])
        ),
    ]
    units = {7: UnitPlacement(1, 0.5, 3)}
    assert c.read_placements(messages) == Placements([b"a"], [1], [0.5], [0.25], [True], [99], 0.75, units)
    assert c.read_placements([]).fitted_agreement is None
