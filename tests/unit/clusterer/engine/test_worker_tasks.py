"""What travels to workers: names of functions of the package and numbers, no code and no secret."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from octcluster_clusterer.assignment import fit_steps
from octcluster_clusterer.clustering import consensus, gmm, kmeans, neighbor_whitening
from octcluster_clusterer.engine import worker_tasks
from octcluster_clusterer.engine.blocks import copy_block
from octcluster_clusterer.engine.worker_tasks import (
    Step,
    StoredRows,
    VectorsPlugin,
    describe_installation,
    fold,
)
from octcluster_clusterer.errors import EngineUnavailable, VectorsMissing
from octcluster_clusterer.mapping import placement
from octcluster_clusterer.model import VectorSpace
from octcluster_clusterer.preparation import block_steps
from octcluster_clusterer.runs import choice
from octcluster_clusterer.scoring import silhouette_sums
from octcluster_clusterer.store.opening import VectorPlace
from octcluster_clusterer.tiles import add_into
from octcluster_clusterer.trust import directions


@pytest.mark.parametrize(
    "function",
    [
        worker_tasks.do_steps,
        worker_tasks.count_faults,
        worker_tasks.fold_steps,
        worker_tasks.forget,
        worker_tasks.hold,
        worker_tasks.join,
        worker_tasks.take_rows,
        fold,
        copy_block,
        block_steps.scale_parts,
        block_steps.measure_columns,
        block_steps.join_columns,
        block_steps.center_block,
        block_steps.sum_squares,
        block_steps.divide,
        block_steps.find_moments,
        block_steps.add_moments,
        block_steps.project_parts,
        block_steps.multiply_parts,
        block_steps.project_rows,
        block_steps.scale_columns,
        block_steps.take_columns,
        choice.find_lengths,
        consensus.take_leading,
        fit_steps.count_agreed,
        fit_steps.find_scatters,
        fit_steps.measure_members,
        fit_steps.sum_folds,
        gmm.add_up_clusters,
        gmm.add_up_shares,
        gmm.find_likeliest,
        kmeans.assign_block,
        kmeans.find_farthest,
        kmeans.find_nearest,
        neighbor_whitening.whiten_block,
        placement.place_members,
        silhouette_sums.sum_block_distances,
        directions.find_scales,
        directions.measure_left,
        directions.bound,
    ],
)
def test_functions_travel_by_their_names(function: object) -> None:
    sent = pickle.dumps(Step(function))  # type: ignore[arg-type]
    assert len(sent) < 250
    assert pickle.loads(sent).function is function


def test_a_block_names_its_images_and_no_place() -> None:
    rows = StoredRows(VectorSpace(b"s" * 32, 4), np.zeros((3, 32), dtype=np.uint8), "run", 1)
    again = pickle.loads(pickle.dumps(rows))
    assert (again.space, again.run, again.number) == (rows.space, "run", 1)
    assert "place" not in vars(rows)


def test_a_worker_process_learns_the_file_of_a_password_and_not_the_password(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("correct horse")
    place = VectorPlace("redis://h:6379/0", file)
    assert b"correct horse" not in pickle.dumps(VectorsPlugin(place))


def test_values_are_folded_in_order_and_stay_as_they_are() -> None:
    values = [np.full(2, value, dtype=np.float64) for value in (1, 20, 300)]
    assert fold(add_into, *values).tolist() == [321, 321]
    assert [value[0] for value in values] == [1, 20, 300]


def test_rows_are_taken_from_blocks_that_are_held_together() -> None:
    values = np.arange(14, dtype=np.float32).reshape(7, 2)
    rows = np.array([6, 0, 3, 6])
    held = [values[:3], values[3:6], values[6:]]
    np.testing.assert_array_equal(worker_tasks.take_rows(held, rows), values[rows])
    assert len(worker_tasks.join(held[:1], held[1:])) == 3


def test_errors_keep_what_they_hold_on_their_way() -> None:
    error = pickle.loads(pickle.dumps(VectorsMissing("two are missing", {"not there (any more)": 2})))
    assert (str(error), error.faults) == ("two are missing", {"not there (any more)": 2})
    assert str(pickle.loads(pickle.dumps(EngineUnavailable("away")))) == "away"


def test_an_installation_says_what_decides_the_bits() -> None:
    told = describe_installation()
    assert np.__version__ in told
    assert told == describe_installation()
