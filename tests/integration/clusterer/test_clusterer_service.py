"""The clusterer as its clients see it: a real process, a real Redis and a real Valkey."""

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from known import known
from octcluster_protos.clusterer.v1 import clusterer_pb2 as pb
from processes import running_service
from stores import STORES, Store, started_store

from .conftest import ENDED, SPACE, Blobs, Clusterer, long_spec, new_spec

STAGES_IN_ORDER = [
    pb.RUN_STAGE_UNSPECIFIED,
    pb.RUN_STAGE_LOADING,
    pb.RUN_STAGE_PREPARING,
    pb.RUN_STAGE_CLUSTERING,
    pb.RUN_STAGE_SCORING,
    pb.RUN_STAGE_TRUSTING,
    pb.RUN_STAGE_SAVING,
]
FLOAT32 = pb.DATA_TYPE_FLOAT32
MEMBER = pb.StartRunRequest(members=pb.MemberChunk(image_keys=[b"k" * 32]))


@pytest.fixture(scope="module", params=(*STORES, "parquet"))
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Both servers, and one of them beside vectors in Parquet."""
    in_files = request.param == "parquet"
    with started_store("valkey" if in_files else request.param) as running:
        if in_files:
            url = f"file://{tmp_path_factory.mktemp('parquet')}/vectors"
            running.settings += ("--store", "parquet", "--store-url", url)
        yield running


# What they prove comes from computing and streaming alone: one store is enough.
WHATEVER_THE_STORE = pytest.mark.parametrize("store", ["valkey"], indirect=True)


def test_server_info(clusterer: Clusterer) -> None:
    info = clusterer.stub.GetServerInfo(pb.GetServerInfoRequest(), timeout=10)
    assert info.version
    offered = {one.algorithm: one.finds_cluster_count for one in info.algorithms}
    assert offered.keys() == set(pb.Algorithm.values()) - {pb.ALGORITHM_UNSPECIFIED}
    assert {algorithm for algorithm, finds_count in offered.items() if finds_count} == {pb.ALGORITHM_HDBSCAN}
    assert info.limits == pb.Limits(
        max_message_bytes=64 * 2**20, max_keys_per_message=8192, max_members=2_000_000, max_queued_runs=2
    )


def test_reflection_is_off_unless_asked_for(clusterer: Clusterer) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        clusterer.list_services()
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_the_whole_way(clusterer: Clusterer, blobs: Blobs) -> None:
    fresh = Blobs.draw(1000, seed=1)
    assert clusterer.find_missing(fresh.keys) == fresh.keys
    assert clusterer.put(fresh.entries()) == pb.PutVectorsResponse(stored=1000)
    assert clusterer.find_missing(fresh.keys) == []
    preparation = pb.Preparation(l2_normalize=True, pca_variance=0.9)
    spec = new_spec(
        algorithms=[pb.ALGORITHM_KMEANS, pb.ALGORITHM_HDBSCAN], min_clusters=3, preparation=preparation
    )
    assert clusterer.start(spec, fresh).state == pb.RUN_STATE_QUEUED
    seen = clusterer.watch(spec.run_id)
    assert seen[-1].state == pb.RUN_STATE_SUCCEEDED
    assert seen[-1].members == 1000
    assert all(status.state not in ENDED for status in seen[:-1])
    answer = clusterer.get(spec.run_id)
    assert answer.status == seen[-1]
    result = answer.result
    assert result.spec == spec
    assert [(one.algorithm, one.requested_clusters) for one in result.results] == [
        (pb.ALGORITHM_KMEANS, 3),
        (pb.ALGORITHM_KMEANS, 4),
        (pb.ALGORITHM_HDBSCAN, 0),
    ]
    four = result.results[1]
    assert four.scores.accuracy.value == 1
    assert four.scores.silhouette.value > 0.5
    assert list(four.cluster_sizes) == [250] * 4
    assert np.reshape(four.contingency.counts, (4, 4)).sum() == 1000
    assert result.chosen_reason
    assert result.input_dimension == 32
    assert 0 < result.prepared_dimension <= 32
    assert sum(result.explained_variance_ratios) <= 1 + 1e-9
    stages = [time.stage for time in result.stage_times]
    assert all(50 * 2**20 < time.peak_memory_bytes < 2**32 for time in result.stage_times)
    assert stages == STAGES_IN_ORDER[1:-1]
    (assigned,) = clusterer.assignments(spec.run_id, 1)
    assert list(assigned.image_keys) == fresh.keys
    pairs = set(zip(assigned.clusters, fresh.classes, strict=True))
    assert sorted(pairs) == list(enumerate(four.class_of_cluster))
    assert np.mean(assigned.silhouettes) == pytest.approx(four.scores.silhouette.value, abs=1e-4)
    assert len(assigned.x) == len(assigned.y) == len(assigned.distances) == 1000
    assert min(assigned.distances) > 0


@WHATEVER_THE_STORE
def test_a_search_says_how_well_each_number_of_clusters_suits(clusterer: Clusterer) -> None:
    fresh = Blobs.draw(100, seed=3)
    clusterer.put(fresh.entries())
    spec = new_spec(algorithms=[pb.ALGORITHM_HG_MEANS], min_clusters=3, max_clusters=5)
    clusterer.start(spec, fresh)
    assert clusterer.watch(spec.run_id)[-1].state == pb.RUN_STATE_SUCCEEDED
    result = clusterer.get(spec.run_id).result
    assert [one.HasField("rating") for one in result.results] == [True] * 3, "the ends can be chosen, too"
    assert result.results[result.chosen].requested_clusters == 4
    assert result.results[1].rating > max(result.results[i].rating for i in (0, 2)) > 0


@WHATEVER_THE_STORE
def test_a_run_says_how_far_to_trust_it(clusterer: Clusterer) -> None:
    fresh = Blobs.draw(1000, seed=4)
    fresh.vectors[4] = 1.001 * fresh.vectors[0]
    clusterer.put(fresh.entries())
    spec = new_spec(min_clusters=3, stability_resamples=4)
    width = pb.NumberColumn(name="width", values=np.where(fresh.classes < 2, 512.0, 768.0))
    members = pb.MemberChunk(
        image_keys=fresh.keys,
        class_indices=fresh.classes,
        patient_indices=np.arange(1000) // 10,
        number_columns=[width],
    )
    first = pb.StartRunRequest(spec=spec, member_count=len(members.image_keys))
    requests = [first, pb.StartRunRequest(members=members)]
    clusterer.stub.StartRun(iter(requests), timeout=20)
    assert clusterer.watch(spec.run_id)[-1].state == pb.RUN_STATE_SUCCEEDED
    result = clusterer.get(spec.run_id).result
    assert result.spec == spec
    nearest = result.duplicates.pairs[0]
    assert (nearest.first_member, nearest.second_member) == (0, 4)
    assert nearest.similarity >= result.duplicates.pairs[-1].similarity >= result.duplicates.threshold > 0.9
    assert result.duplicates.total_pairs >= len(result.duplicates.pairs)
    three, four = result.results
    assert (result.chosen, three.HasField("stability")) == (1, False)
    assert (four.stability.resamples, four.stability.overall.value) == (4, 1)
    assert [one.value for one in four.stability.clusters] == [1] * 4
    for one in (three, four):
        interval = one.scores.accuracy.interval
        assert interval.low <= one.scores.accuracy.value <= interval.high
        found = {row.name: row.adjusted_mutual_information.value for row in one.associations}
        assert list(found) == ["class", "patient", "width"]
        assert found["class"] > found["width"] > 0.3 > abs(found["patient"])
        assert [row.members for row in one.associations] == [1000] * 3


@WHATEVER_THE_STORE
def test_assignments_come_in_pieces_in_the_order_of_the_members(clusterer: Clusterer, blobs: Blobs) -> None:
    order = np.random.default_rng(0).integers(0, len(blobs.keys), 10_050)
    many = Blobs(blobs.vectors, blobs.classes[order], [blobs.keys[i] for i in order])
    spec = new_spec(algorithms=[pb.ALGORITHM_MINIBATCH_KMEANS])
    clusterer.start(spec, many, chunk=8192)
    assert clusterer.watch(spec.run_id)[-1].state == pb.RUN_STATE_SUCCEEDED
    pieces = clusterer.assignments(spec.run_id)
    assert [len(piece.clusters) for piece in pieces] == [10_000, 50]
    assert [key for piece in pieces for key in piece.image_keys] == many.keys


def test_vectors_come_back_in_the_order_of_the_request_in_pieces(clusterer: Clusterer) -> None:
    # An answer of 64 KiB holds 12 vectors of 1280 values.
    space = pb.VectorSpace(digest=b"\x08" * 32, data_type=FLOAT32, dimension=1280)
    vectors = np.random.default_rng(3).normal(size=(60, 1280)).astype("<f4")
    entries = [pb.VectorEntry(image_key=os.urandom(32), vector=vector.tobytes()) for vector in vectors]
    clusterer.stub.PutVectors(iter([pb.PutVectorsRequest(space=space, entries=entries)]), timeout=20)
    keys = [entry.image_key for entry in reversed(entries)]
    request = pb.GetVectorsRequest(space=space, image_keys=[os.urandom(32), *keys])
    answers = list(clusterer.stub.GetVectors(request, timeout=20))
    assert len(answers) == 6  # the first has 11 of them: one key has no vector
    assert all(answer.ByteSize() <= 2**16 for answer in answers)
    assert [entry for answer in answers for entry in answer.entries] == entries[::-1]
    assert not list(clusterer.stub.GetVectors(pb.GetVectorsRequest(space=space), timeout=20))


def test_unseen_images_are_assigned_as_the_runs_own_members_are(clusterer: Clusterer) -> None:
    drawn = Blobs.draw(1500, seed=9)
    clusterer.put(drawn.entries())
    seen = Blobs(drawn.vectors[:1200], drawn.classes[:1200], drawn.keys[:1200])
    preparation = pb.Preparation(
        l2_normalize=True,
        pca_components=5,
        whiten=True,
        part_dimensions=[20, 12],
        whiten_within_patients=pb.PATIENT_WHITENING_ON,
    )
    spec = new_spec(
        algorithms=[pb.ALGORITHM_KMEANS, pb.ALGORITHM_GMM], min_clusters=4, preparation=preparation
    )
    clusterer.start(spec, seen)
    assert clusterer.watch(spec.run_id)[-1].state == pb.RUN_STATE_SUCCEEDED
    for index in range(2):
        (members,) = clusterer.assignments(spec.run_id, index)
        own = clusterer.assign(spec.run_id, seen.keys, index)
        assert np.mean(np.equal(own.clusters, members.clusters)) == own.fitted_agreement > 0.99
        assert 0 < np.mean(own.outliers) <= 0.01
        stranger = os.urandom(32)
        new = clusterer.assign(spec.run_id, [stranger, *drawn.keys[1200:]], index)
        assert list(new.image_keys) == drawn.keys[1200:]
        pairs = zip([*own.clusters, *new.clusters], drawn.classes, strict=True)
        assert len(set(pairs)) == 4
        assert min(new.margins) >= 0
        assert max(new.margins) <= 1
    answer = list(clusterer.stub.Assign(pb.AssignRequest(run_id=spec.run_id, image_keys=[os.urandom(32)])))
    assert not answer


def check_prepared_vectors(clusterer: Clusterer, digest: bytes, keys: list[bytes], content: bytes) -> None:
    """Prepared vectors are those whose distances to the means are told, image by image."""
    request = pb.AssignRequest(fitted_digest=digest, image_keys=[os.urandom(32), *keys], return_prepared=True)
    answers = list(clusterer.stub.Assign(request, timeout=20))
    assert [key for one in answers for key in one.image_keys] == keys
    with np.load(io.BytesIO(content)) as fitted:
        means = fitted["rule.means"]
    dimension = means.shape[1]
    for one in answers:
        vectors = np.frombuffer(one.prepared_vectors, "<f4").reshape(len(one.image_keys), dimension)
        distances = np.linalg.norm(vectors - means[list(one.clusters)], axis=1)
        np.testing.assert_allclose(distances, one.distances, rtol=1e-5)


def test_a_fitted_run_outlives_its_run_as_a_file(clusterer: Clusterer, blobs: Blobs) -> None:
    spec = new_spec()
    clusterer.start(spec, blobs)
    assert clusterer.watch(spec.run_id)[-1].state == pb.RUN_STATE_SUCCEEDED
    assert clusterer.get(spec.run_id).result.fitted_missing_reason == ""
    request = pb.GetFittedRunRequest(run_id=spec.run_id)
    content = b"".join(piece.data for piece in clusterer.stub.GetFittedRun(request, timeout=20))
    expected = clusterer.assign(spec.run_id, blobs.keys)
    clusterer.stub.DeleteRun(pb.DeleteRunRequest(run_id=spec.run_id), timeout=20)

    def put(file: bytes) -> bytes:
        pieces = [pb.PutFittedRunRequest(data=file[i : i + 1000]) for i in range(0, len(file), 1000)]
        return clusterer.stub.PutFittedRun(iter(pieces), timeout=20).fitted_digest

    digest = put(content)
    assert digest == put(content) == hashlib.sha256(content).digest()
    by_file = pb.AssignRequest(fitted_digest=digest, image_keys=blobs.keys)
    answers = list(clusterer.stub.Assign(by_file, timeout=20))
    assert [key for one in answers for key in one.image_keys] == blobs.keys
    assert [cluster for one in answers for cluster in one.clusters] == list(expected.clusters)
    assert [value for one in answers for value in one.distances] == list(expected.distances)
    assert [one >= 99 for one in expected.percentiles] == list(expected.outliers)
    assert not any(one.prepared_vectors for one in answers)
    check_prepared_vectors(clusterer, digest, blobs.keys, content)

    for bad in (content[:-1], b"", b"no file", content.replace(b'version":1', b'version":7', 1)):
        with pytest.raises(grpc.RpcError) as caught:
            put(bad)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "repeat the run" in known(caught.value.details())
    with pytest.raises(grpc.RpcError) as caught:
        list(clusterer.stub.Assign(pb.AssignRequest(fitted_digest=bytes(32)), timeout=20))
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    for wrong in ({"fitted_digest": b"short"}, {"fitted_digest": digest, "run_id": spec.run_id}):
        with pytest.raises(grpc.RpcError) as caught:
            list(clusterer.stub.Assign(pb.AssignRequest(**wrong), timeout=20))
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_units_are_assigned_by_the_mean_of_their_images(clusterer: Clusterer, blobs: Blobs) -> None:
    spec = new_spec()
    clusterer.start(spec, blobs)
    clusterer.watch(spec.run_id)
    by_class = sorted(range(len(blobs.keys)), key=lambda row: int(blobs.classes[row]))
    keys = [blobs.keys[row] for row in by_class]
    units = [int(blobs.classes[row]) for row in by_class]
    stranger = os.urandom(32)
    request = pb.AssignRequest(
        run_id=spec.run_id, image_keys=[stranger, *keys, stranger], unit_numbers=[-1, *units, 9]
    )
    whole = pb.AssignResponse()
    for response in clusterer.stub.Assign(request, timeout=20):
        whole.MergeFrom(response)
    assert list(whole.units.unit_numbers) == [0, 1, 2, 3]  # the image of unit 9 has no vector
    assert list(whole.units.images) == [units.count(number) for number in range(4)]
    cluster_of = dict(zip(units, whole.clusters, strict=True))
    assert list(whole.units.clusters) == [cluster_of[number] for number in range(4)]
    assert min(whole.units.margins) > 0.9
    for wrong in ([0, 1], [-2, 0, 0]):
        bad = pb.AssignRequest(run_id=spec.run_id, image_keys=keys[:3], unit_numbers=wrong)
        with pytest.raises(grpc.RpcError) as caught:
            list(clusterer.stub.Assign(bad, timeout=20))
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_what_cannot_be_assigned_is_refused_with_the_reason(clusterer: Clusterer, blobs: Blobs) -> None:
    def refusal(run_id: str, **request: Any) -> tuple[grpc.StatusCode, str]:
        with pytest.raises(grpc.RpcError) as caught:
            list(
                clusterer.stub.Assign(
                    pb.AssignRequest(**{"run_id": run_id, "image_keys": blobs.keys[:3], **request})
                )
            )
        return caught.value.code(), known(caught.value.details())

    assert refusal("0" * 32)[0] == grpc.StatusCode.NOT_FOUND
    spec = new_spec()
    clusterer.start(spec, blobs)
    clusterer.watch(spec.run_id)
    code, reason = refusal(spec.run_id, result_index=1)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert "the run has 1 results" in reason
    assert refusal(spec.run_id, image_keys=[b"short"])[0] == grpc.StatusCode.INVALID_ARGUMENT
    failed = new_spec()
    clusterer.start(failed, Blobs(blobs.vectors[:4], blobs.classes[:4], [os.urandom(32) for _ in range(4)]))
    clusterer.watch(failed.run_id)
    code, reason = refusal(failed.run_id)
    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert "failed" in reason


def test_a_bad_vector_is_rejected_alone(clusterer: Clusterer) -> None:
    drawn = Blobs.draw(4, seed=2)
    drawn.vectors[1, 3] = np.nan
    entries = drawn.entries()
    entries[2].vector = entries[2].vector[:-4]
    answer = clusterer.put(entries)
    assert answer.stored == 2
    assert [one.image_key for one in answer.rejected] == drawn.keys[1:3]
    assert "NaN" in answer.rejected[0].reason
    assert "124 bytes" in answer.rejected[1].reason
    assert clusterer.find_missing(drawn.keys) == drawn.keys[1:3]


def test_missing_vectors_fail_the_run(clusterer: Clusterer, blobs: Blobs) -> None:
    stranger = Blobs(blobs.vectors[:10], blobs.classes[:10], [*blobs.keys[:9], os.urandom(32)])
    spec = new_spec()
    clusterer.start(spec, stranger)
    status = clusterer.watch(spec.run_id)[-1]
    assert status.state == pb.RUN_STATE_FAILED
    assert status.error.code == pb.RUN_ERROR_CODE_VECTORS_MISSING
    assert "1 of 10 members" in status.error.message
    assert not clusterer.get(spec.run_id).HasField("result")


def test_a_run_survives_its_client(clusterer: Clusterer, blobs: Blobs, store: Store) -> None:
    spec = new_spec(max_clusters=6)
    clusterer.start(spec, blobs)
    watching = clusterer.stub.WatchRun(pb.WatchRunRequest(run_id=spec.run_id))
    next(watching)
    watching.cancel()
    other = Clusterer(vars(clusterer.channel)["_channel"].target().decode())
    assert other.watch(spec.run_id)[-1].state == pb.RUN_STATE_SUCCEEDED
    assert spec.run_id in {
        status.run_id for status in other.stub.ListRuns(pb.ListRunsRequest(), timeout=10).runs
    }
    other.channel.close()


def test_cancel_queue_and_delete(clusterer: Clusterer, blobs: Blobs) -> None:
    specs = [long_spec() for _ in range(4)]
    clusterer.start(specs[0], blobs)
    clusterer.wait_for(specs[0].run_id, pb.RUN_STATE_RUNNING)
    assert clusterer.start(specs[1], blobs).queue_position == 1
    assert clusterer.start(specs[2], blobs).queue_position == 2
    with pytest.raises(grpc.RpcError) as caught:
        clusterer.start(specs[3], blobs)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "2 runs are in the queue" in known(caught.value.details())
    with pytest.raises(grpc.RpcError) as caught:  # before any members are read: there are none
        clusterer.stub.StartRun(iter([pb.StartRunRequest(spec=long_spec())]), timeout=10)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert clusterer.cancel(specs[1].run_id).state == pb.RUN_STATE_CANCELLED
    assert clusterer.get(specs[2].run_id).status.queue_position == 1
    clusterer.stub.DeleteRun(pb.DeleteRunRequest(run_id=specs[2].run_id), timeout=10)
    clusterer.stub.DeleteRun(pb.DeleteRunRequest(run_id=specs[2].run_id), timeout=10)  # again: harmless
    with pytest.raises(grpc.RpcError) as caught:
        clusterer.get(specs[2].run_id)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    clusterer.cancel(specs[0].run_id)
    assert clusterer.watch(specs[0].run_id, timeout=20)[-1].state == pb.RUN_STATE_CANCELLED
    with pytest.raises(grpc.RpcError) as caught:
        clusterer.assignments(specs[0].run_id)
    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    after = new_spec()
    clusterer.start(after, blobs)
    assert clusterer.watch(after.run_id)[-1].state == pb.RUN_STATE_SUCCEEDED


@WHATEVER_THE_STORE
def test_a_watcher_is_not_flooded(clusterer: Clusterer, blobs: Blobs) -> None:
    spec = new_spec(min_clusters=2, max_clusters=12)
    clusterer.start(spec, blobs)
    seen = clusterer.watch(spec.run_id)
    took = seen[-1].finished.ToMilliseconds() - seen[0].created.ToMilliseconds()
    assert len(seen) <= took / 100 + 4
    assert seen[-1].state == pb.RUN_STATE_SUCCEEDED
    places = [(status.state, STAGES_IN_ORDER.index(status.stage), status.stage_done) for status in seen[:-1]]
    assert places == sorted(set(places)), "each change once, never back"


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.get("0" * 32),
        lambda c: c.watch("0" * 32),
        lambda c: c.assignments("0" * 32),
        lambda c: c.cancel("0" * 32),
    ],
    ids=["get", "watch", "assignments", "cancel"],
)
def test_an_unknown_run_is_not_found(clusterer: Clusterer, call: Callable[[Clusterer], object]) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(clusterer)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert "no run has this id" in known(caught.value.details())


def spec_message(**changes: Any) -> pb.StartRunRequest:
    return pb.StartRunRequest(spec=new_spec(**changes), member_count=1)


def chunk_message(**columns: Any) -> pb.StartRunRequest:
    return pb.StartRunRequest(members=pb.MemberChunk(**columns))


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([], "needs a spec and members"),
        ([spec_message()], "needs a spec and members"),
        ([spec_message(), chunk_message()], "must hold at least one"),
        ([MEMBER], "first message must hold the spec"),
        ([spec_message(), spec_message(), MEMBER], "first message must hold the spec"),
        ([spec_message(), pb.StartRunRequest()], "all others members"),
        ([spec_message(run_id="x"), MEMBER], "run_id must be 32"),
        ([spec_message(run_id="A" * 32), MEMBER], "run_id must be 32"),
        ([spec_message(algorithms=[]), MEMBER], "at least one"),
        ([spec_message(algorithms=[0]), MEMBER], "algorithms has 0"),
        ([spec_message(algorithms=[99]), MEMBER], "algorithms has 99"),
        ([spec_message(min_clusters=1), MEMBER], "from 2"),
        ([spec_message(min_clusters=5), MEMBER], "smaller one first"),
        (
            [
                spec_message(space=pb.VectorSpace(digest=b"x", data_type=FLOAT32, dimension=3)),
                MEMBER,
            ],
            "digest has 1",
        ),
        ([spec_message(space=pb.VectorSpace(digest=SPACE.digest, dimension=3)), MEMBER], "data_type"),
        (
            [spec_message(space=pb.VectorSpace(digest=SPACE.digest, data_type=FLOAT32)), MEMBER],
            "dimension is 0",
        ),
        ([spec_message(), chunk_message(image_keys=[b"short"])], "each image key must have 32 bytes"),
        ([spec_message(), chunk_message(image_keys=[b"k" * 32] * 8193)], "at most 8192"),
        ([spec_message(), chunk_message(image_keys=[b"k" * 32], class_indices=[1, 2])], "2 class_indices"),
        ([spec_message(), chunk_message(image_keys=[b"k" * 32], class_indices=[-2])], "0 or more, or -1"),
        (
            [spec_message(), chunk_message(image_keys=[b"k" * 32], patient_indices=[1, 2])],
            "2 patient_indices",
        ),
        ([spec_message(max_clusters=9), MEMBER], "clusters"),
        ([spec_message(), MEMBER, MEMBER], "2 members came, and member_count of the first message is 1"),
        ([pb.StartRunRequest(spec=new_spec()), MEMBER], "member_count of the first message is 0"),
    ],
)
def test_a_run_that_breaks_a_rule_is_refused(
    clusterer: Clusterer, messages: list[pb.StartRunRequest], reason: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        clusterer.stub.StartRun(iter(messages), timeout=10)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert reason in known(caught.value.details())


@WHATEVER_THE_STORE
def test_a_run_that_does_not_fit_under_the_memory_limit_is_refused(store: Store, blobs: Blobs) -> None:
    arguments = (*store.settings, "--memory-limit", "500MiB")
    with running_service("octcluster_clusterer", *arguments) as server:
        client = Clusterer(server.address)
        assert client.start(new_spec(), blobs).members == len(blobs.keys)  # a small one fits
        with pytest.raises(grpc.RpcError) as caught:
            client.start(new_spec(algorithms=[pb.ALGORITHM_AGGLOMERATIVE]), Blobs.draw(8000))
        with pytest.raises(grpc.RpcError) as beforehand:
            client.check(new_spec(algorithms=[pb.ALGORITHM_AGGLOMERATIVE]), 8000)
        client.channel.close()
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "agglomerative, and 0.488 GiB are allowed (--memory-limit" in known(caught.value.details())
    assert "choose kmeans" in known(caught.value.details())
    assert (beforehand.value.code(), beforehand.value.details()) == (
        caught.value.code(),
        caught.value.details(),
    )


@pytest.mark.parametrize(
    ("changes", "members", "reason"),
    [
        ({}, 0, "at least one image"),
        ({"max_clusters": 9}, 8, "9 clusters"),
        ({"min_clusters": 5}, 40, "5 to 4 do not"),
        ({"algorithms": []}, 40, "at least one"),
        ({"run_id": "secret"}, 40, "run_id must be"),
        ({"space": pb.VectorSpace()}, 40, "digest has 0 bytes"),
        ({}, 2_000_001, "more than 2000000 members"),
    ],
)
def test_a_run_that_breaks_a_rule_is_refused_before_it_has_members(
    clusterer: Clusterer, changes: dict[str, object], members: int, reason: str
) -> None:
    clusterer.check(new_spec(), 4)
    with pytest.raises(grpc.RpcError) as caught:
        clusterer.check(new_spec(**changes), members)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert reason in known(caught.value.details())


def test_vectors_that_break_a_rule_are_refused(clusterer: Clusterer) -> None:
    for keys, space, reason in (
        ([b"k" * 31], SPACE, "each image key must have 32 bytes"),
        ([b"k" * 32] * 8193, SPACE, "at most 8192"),
        ([b"k" * 32], pb.VectorSpace(), "digest has 0 bytes"),
    ):
        entries = [pb.VectorEntry(image_key=key, vector=bytes(128)) for key in keys]
        with pytest.raises(grpc.RpcError) as caught:
            clusterer.stub.PutVectors(iter([pb.PutVectorsRequest(space=space, entries=entries)]), timeout=10)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert reason in known(caught.value.details())
        with pytest.raises(grpc.RpcError) as caught:
            clusterer.stub.FindMissingVectors(
                pb.FindMissingVectorsRequest(space=space, image_keys=keys), timeout=10
            )
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_result_that_is_not_there_is_refused(clusterer: Clusterer, blobs: Blobs) -> None:
    spec = new_spec()
    clusterer.start(spec, blobs)
    clusterer.watch(spec.run_id)
    with pytest.raises(grpc.RpcError) as caught:
        clusterer.assignments(spec.run_id, result_index=1)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "the run has 1 results" in known(caught.value.details())


def test_starting_the_same_run_twice_runs_it_once(clusterer: Clusterer, blobs: Blobs) -> None:
    spec = new_spec()
    clusterer.start(spec, blobs)
    done = clusterer.watch(spec.run_id)[-1]
    assert clusterer.start(spec, blobs) == done
    spec.seed += 1
    with pytest.raises(grpc.RpcError) as caught:
        clusterer.start(spec, blobs)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_units_are_clustered_as_one(clusterer: Clusterer) -> None:
    fresh = Blobs.draw(800, seed=6)
    clusterer.put(fresh.entries())
    spec = new_spec(min_clusters=4, max_clusters=4, stability_resamples=2)
    # Each unit has four members of one blob, which do not lie side by side.
    units = np.arange(800) % 4 + 4 * (np.arange(800) // 4 % 50)
    clusterer.stub.CheckRun(pb.CheckRunRequest(spec=spec, members=800, units=200), timeout=20)
    members = pb.MemberChunk(image_keys=fresh.keys, class_indices=fresh.classes, unit_indices=units)
    first = pb.StartRunRequest(spec=spec, member_count=len(members.image_keys))
    requests = [first, pb.StartRunRequest(members=members)]
    assert clusterer.stub.StartRun(iter(requests), timeout=20).status.members == 800
    assert clusterer.watch(spec.run_id)[-1].state == pb.RUN_STATE_SUCCEEDED
    result = clusterer.get(spec.run_id).result
    assert result.units == 200
    assert list(result.results[0].cluster_sizes) == [50] * 4
    assert result.results[0].scores.accuracy.value == 1
    assert {association.members for association in result.results[0].associations} == {200}
    (assigned,) = clusterer.assignments(spec.run_id, 0)
    firsts = np.unique(units, return_index=True)[1]
    assert list(assigned.image_keys) == [fresh.keys[first] for first in firsts]
    placed = clusterer.assign(spec.run_id, fresh.keys)
    assert np.mean(np.array(placed.clusters) == np.array(assigned.clusters)[units]) > 0.95


@pytest.mark.parametrize("units", [[0, 2], [1, 2], [0], [-1, 0], [0, 1, 1]])
def test_units_without_a_number_or_with_gaps_are_refused(clusterer: Clusterer, units: list[int]) -> None:
    chunk = chunk_message(image_keys=[b"k" * 32, b"l" * 32], unit_indices=units)
    spec = pb.StartRunRequest(spec=new_spec(), member_count=2)
    with pytest.raises(grpc.RpcError) as caught:
        clusterer.stub.StartRun(iter([spec, chunk]), timeout=20)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "unit_indices" in known(caught.value.details())


def test_there_must_be_a_unit_for_each_cluster(clusterer: Clusterer) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        clusterer.stub.CheckRun(pb.CheckRunRequest(spec=new_spec(), members=100, units=3), timeout=20)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
