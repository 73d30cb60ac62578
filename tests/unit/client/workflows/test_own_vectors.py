"""Vectors that somebody brings: what is read of files, arrays and data frames, and what is refused."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from octcluster.model.errors import InvalidImageSet
from octcluster.model.own_vectors import OWN_VECTORS
from octcluster.model.runs import EmbeddingSpace
from octcluster.workflows.own_vectors import OwnVectors, is_vectors, read_vectors
from octcluster.workflows.vector_table import SPACE_METADATA

VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3)


def table(**columns: Any) -> Any:
    import pyarrow as pa

    return pa.table(columns)


def write(folder: Path, content: Any, name: str = "own.parquet") -> Path:
    from pyarrow.parquet import write_table

    write_table(content, folder / name)
    return folder / name


def read_all(own: OwnVectors) -> list[list[float]]:
    kind = {"float32": "<f4", "float16": "<f2"}[own.space.data_type]
    return [np.frombuffer(own.vector(scan), kind).tolist() for scan in own.image_set.images]


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_a_numpy_file(tmp_path: Path, kind: str) -> None:
    np.save(tmp_path / "v.npy", VECTORS.astype(kind))
    assert is_vectors(tmp_path / "v.npy")
    own = read_vectors(tmp_path / "v.npy")
    assert [scan.name for scan in own.image_set.images] == ["0000000", "0000001", "0000002", "0000003"]
    assert read_all(own) == VECTORS.tolist()
    assert own.space.data_type == ("float16" if kind == "float16" else "float32")
    assert (own.space.model, own.space.dimension) == (OWN_VECTORS, 3)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "int32"])
@pytest.mark.parametrize("form", ["list", "large_list", "fixed"])
def test_a_column_of_lists(tmp_path: Path, kind: str, form: str) -> None:
    import pyarrow as pa

    value = pa.type_for_alias(kind)
    lists = {"list": pa.list_(value), "large_list": pa.large_list(value), "fixed": pa.list_(value, 3)}
    vectors = pa.array(list(VECTORS.astype(kind)), lists[form])
    file = write(tmp_path, table(vector=vectors, file=["d", "c", "b", "a"], diagnosis=["x", None, "x", "y"]))
    assert is_vectors(file)
    own = read_vectors(file)
    assert [(scan.name, scan.label) for scan in own.image_set.images] == [
        ("a", "y"),
        ("b", "x"),
        ("c", None),
        ("d", "x"),
    ]
    assert read_all(own) == VECTORS[::-1].tolist()
    assert own.image_set.classes == ["x", "y"]
    assert own.image_set.label_source == "columns"


def test_numbered_columns_and_ids_that_a_spreadsheet_has_made_numbers(tmp_path: Path) -> None:
    columns = {f"f{number}": VECTORS[:, number] for number in (2, 0, 1)}
    patients = [1.0, 1.0, None, 23.0]
    own = read_vectors(
        write(
            tmp_path, table(**columns, image=["a", "b", "c", "d"], patient=patients, eye=["od", "L", "", "?"])
        )
    )
    assert read_all(own) == VECTORS.tolist()
    assert [scan.patient for scan in own.image_set.images] == ["1", "1", None, "23"]
    assert [scan.eye for scan in own.image_set.images] == ["OD", "OS", None, None]


def test_a_data_frame_and_an_array() -> None:
    import pandas as pd

    frame = pd.DataFrame({"embedding": list(VECTORS), "image": list("abcd")})
    assert is_vectors(frame)
    assert is_vectors(VECTORS)
    assert not is_vectors(VECTORS.astype(np.uint8))
    assert not is_vectors([VECTORS])
    assert read_all(read_vectors(frame)) == read_all(read_vectors(VECTORS)) == VECTORS.tolist()


def test_labels_of_a_table_of_their_own_and_patients_of_the_column(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("image,label\na,CNV\nb,DME\nc,CNV\nd,DME\n")
    file = write(
        tmp_path, table(vector=list(VECTORS), image=list("abcd"), label=list("xxyy"), patient=list("ppqq"))
    )
    own = read_vectors(file, str(tmp_path / "labels.csv"))
    assert [scan.label for scan in own.image_set.images] == ["CNV", "DME", "CNV", "DME"]
    assert [scan.patient for scan in own.image_set.images] == ["p", "p", "q", "q"]
    assert read_vectors(file, "none").image_set.classes == []


def test_labels_of_the_names_where_no_column_has_any(tmp_path: Path) -> None:
    names = ["CNV/1.png", "CNV/2.png", "NORMAL/1.png", "NORMAL/2.png"]
    own = read_vectors(write(tmp_path, table(vector=list(VECTORS), image=names)))
    assert [scan.label for scan in own.image_set.images] == ["CNV", "CNV", "NORMAL", "NORMAL"]


def _save(array: Any, **options: Any) -> Callable[[Path], None]:
    return lambda file: np.save(file, array, **options)


@pytest.mark.parametrize(
    ("save", "told"),
    [
        (_save(VECTORS[0]), r"has the shape \(3,\): give one row a vector"),
        (_save(VECTORS[:0]), r"has the shape \(0, 3\)"),
        (_save(np.array([[1, "a"]], dtype=object)), "holds Python objects, which are not read"),
        (_save(VECTORS.astype("int32")), "holds values of the type <i4: save"),
        (_save(VECTORS.astype(">f4")), "holds values of the type >f4: save"),
        (_save(np.asfortranarray(VECTORS)), "holds its values column by column: save"),
        (
            _save(np.where(VECTORS == 7, np.nan, VECTORS)),
            r"vector 2 \(from 0\) has a value that is no finite number",
        ),
        (
            _save(np.where(VECTORS == 7, 1e300, VECTORS.astype(float))),
            r"vector 2 \(from 0\) has a value that is no",
        ),
        (lambda file: file.write_bytes(b"\x93NUMPY\x01\x00\x10\x00nonsense"), "is damaged: its head"),
        (lambda file: file.write_bytes(b"\x93NUMPY"), "is damaged: its head"),
    ],
)
def test_numpy_files_that_cannot_be_used(tmp_path: Path, save: Callable[[Path], None], told: str) -> None:
    save(tmp_path / "v.npy")
    with pytest.raises(InvalidImageSet, match=told):
        read_vectors(tmp_path / "v.npy")


def test_a_numpy_file_that_was_cut_off(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", VECTORS)
    (tmp_path / "v.npy").write_bytes((tmp_path / "v.npy").read_bytes()[:-4])
    with pytest.raises(InvalidImageSet, match="is damaged: it is shorter or longer than its head says"):
        read_vectors(tmp_path / "v.npy")


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"image": ["a"]}, "has no column of vectors: give a column 'vector'"),
        ({"image": ["a"], "pca_x": [1.0], "f1": [1.0]}, "has no column of vectors"),
        ({"vector": [[1.0], [1.0, 2.0]]}, "its vectors have 1 to 2 values: all must have equally many"),
        ({"vector": [[]]}, "its cells are lists of null"),
        ({"vector": [[1.0], None]}, r"row 1 \(from 0\) has no vector: remove the row"),
        ({"vector": [[1.0, None]]}, "a vector lacks a value"),
        ({"vector": [[1.0], [float("inf")]]}, r"vector 1 \(from 0\) has a value that is no finite number"),
        ({"vector": [["a"]]}, "its cells are lists of string, not of numbers"),
        ({"left": [[1.0]], "right": [[1.0]]}, "several columns may hold the vectors: left, right"),
        ({"f0": [1.0, None], "f1": [1.0, 2.0]}, "column 'f0': a cell is empty"),
        ({"vector": [[1.0], [2.0]], "image": ["a", "a"]}, "column 'image': a comes 2 times"),
        ({"vector": [[1.0], [2.0]], "image": ["a", None]}, r"row 1 \(from 0\) is empty: name it"),
        (
            {"vector": [[1.0]], "image": ["a"], "class": ["x"], "diagnosis": ["y"]},
            "several columns may be the label",
        ),
    ],
)
def test_tables_that_cannot_be_used(tmp_path: Path, columns: Any, told: str) -> None:
    with pytest.raises(InvalidImageSet, match=told):
        read_vectors(write(tmp_path, table(**columns)))


def test_a_damaged_parquet_file(tmp_path: Path) -> None:
    file = write(tmp_path, table(vector=list(VECTORS)))
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(InvalidImageSet, match="is damaged, or no Parquet file"):
        read_vectors(file)


@pytest.mark.parametrize("name", ["v.npz", "v.pkl", "v.pt"])
def test_files_that_would_run_code_are_not_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(pickle.dumps(VECTORS))
    with pytest.raises(InvalidImageSet, match=r"vectors are read out of \.npy and Parquet files alone"):
        is_vectors(tmp_path / name)


SPACE = {
    "model": "vgg16",
    "weights_digest": "ab",
    "preprocessing_version": "1",
    "features": "pooled",
    "data_type": "float32",
    "dimension": 3,
    "digest": "07" * 32,
    "flip": True,
    "part_dimensions": [1, 2],
    "precision": "float32",
    "views": ["plain", "retina"],
}


def read_with(folder: Path, space: Any) -> OwnVectors:
    told = json.dumps(space) if not isinstance(space, str) else space
    content = table(vector=list(VECTORS)).replace_schema_metadata({SPACE_METADATA: told})
    return read_vectors(write(folder, content))


def test_the_space_that_a_run_has_noted_beside_its_vectors(tmp_path: Path) -> None:
    space = read_with(tmp_path, SPACE).space
    assert space == EmbeddingSpace(
        **(SPACE | {"digest": b"\x07" * 32, "part_dimensions": (1, 2), "views": ("plain", "retina")})  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    "change",
    [
        "no JSON",
        "[]",
        {"digest": "07"},
        {"digest": "no digits"},
        {"dimension": 4},
        {"dimension": None},
        {"data_type": "float16"},
        {"part_dimensions": [1, 1]},
        {"part_dimensions": [3, 0]},
        {"part_dimensions": "12"},
        {"part_dimensions": ["a", "b"]},
        {"views": ["none"]},
        {"views": 3},
    ],
)
def test_a_space_that_cannot_be_is_none(tmp_path: Path, change: Any) -> None:
    found = read_with(tmp_path, change if isinstance(change, str) else SPACE | change).space
    assert found.model == OWN_VECTORS
    assert found.part_dimensions == (3,)


def test_a_space_with_a_field_missing_is_none(tmp_path: Path) -> None:
    for name in SPACE:
        told = {key: value for key, value in SPACE.items() if key != name}
        assert read_with(tmp_path, told).space.model == OWN_VECTORS
