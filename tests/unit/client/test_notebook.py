"""assignments.parquet in the programs that people use, and a finished run in a notebook.

Each test imports the programs that it uses: each process collects all tests, and most run none of these.
"""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from known import known
from octcluster import RunOutcome
from octcluster.model.errors import InvalidArguments
from octcluster.notebook import assign, run
from octcluster.notebook_results import Assignment, Run
from octcluster.outputs.run.assignments import format_assignments
from octcluster.outputs.run.parquet import format_parquet
from outcomes import make_assign_outcome, make_outcome, undefine

COLUMNS = [
    "image",
    "image_key",
    "cluster",
    "label",
    "patient",
    "silhouette",
    "pca_x",
    "pca_y",
    "distance",
    "umap_x",
    "umap_y",
]


@pytest.fixture
def outcome() -> RunOutcome:
    made = make_outcome(noise=True)
    places = [float(row) for row in range(len(made.members))]
    return replace(made, assignments=replace(made.assignments, umap_x=places, umap_y=places[::-1]))


@pytest.fixture
def file(tmp_path: Path, outcome: RunOutcome) -> Path:
    path = tmp_path / "assignments.parquet"
    path.write_bytes(b"".join(format_parquet(outcome)))
    return path


def test_the_rows_are_those_of_the_csv(tmp_path: Path, outcome: RunOutcome, file: Path) -> None:
    import pandas as pd

    (tmp_path / "assignments.csv").write_bytes(b"".join(format_assignments(outcome)))
    table, rows = pd.read_parquet(file), pd.read_csv(tmp_path / "assignments.csv")
    assert list(table.columns) == COLUMNS
    for name in ("image", "cluster", "label", "patient"):
        assert table[name].tolist() == rows[name].tolist()
    np.testing.assert_allclose(table["silhouette"], rows["silhouette"], atol=1e-6)
    assert table["silhouette"].isna().sum() == (table["cluster"] == -1).sum() > 0
    assert table["image_key"][0] == outcome.assignments.image_keys[0].hex()
    assert table["umap_x"].tolist() == list(range(len(table)))


def test_polars_and_duckdb_read_it_too(file: Path) -> None:
    import duckdb
    import polars as pl

    table = pl.read_parquet(file)
    assert table.schema["cluster"] == pl.Int32
    counts = dict(table.group_by("cluster").len().iter_rows())
    found = known(duckdb.sql(f"SELECT cluster, count(*) FROM '{file}' GROUP BY cluster")).fetchall()
    assert dict(found) == counts
    assert sum(counts.values()) == 80


def test_without_a_map_or_labels_there_is_nothing_made_up(tmp_path: Path) -> None:
    import pandas as pd

    path = tmp_path / "plain.parquet"
    path.write_bytes(b"".join(format_parquet(undefine(make_outcome(classes=()), "too few"))))
    table = pd.read_parquet(path)
    assert list(table.columns) == COLUMNS[:9]
    assert table["label"].isna().all()
    assert table["silhouette"].isna().all()


def test_a_name_that_is_no_utf_8_is_written_out(tmp_path: Path, outcome: RunOutcome) -> None:
    import pandas as pd

    members = [replace(outcome.members[0], name="caf\udce9.png"), *outcome.members[1:]]
    path = tmp_path / "names.parquet"
    path.write_bytes(b"".join(format_parquet(replace(outcome, members=members))))
    assert pd.read_parquet(path)["image"][0] == r"caf\xe9.png"


def test_vectors_come_along_if_asked_for(tmp_path: Path, outcome: RunOutcome) -> None:
    import pandas as pd
    import polars as pl

    vectors = np.random.default_rng(0).standard_normal((len(outcome.members), 1280)).astype("<f4")
    lost = [None if row == 3 else vector.tobytes() for row, vector in enumerate(vectors)]
    path = tmp_path / "vectors.parquet"
    path.write_bytes(b"".join(format_parquet(replace(outcome, vectors=lost))))
    column = pl.read_parquet(path)["vector"]
    assert column.dtype == pl.Array(pl.Float32, 1280)
    assert column[3] is None
    np.testing.assert_array_equal(column[4].to_numpy(), vectors[4])
    np.testing.assert_array_equal(pd.read_parquet(path)["vector"][79], vectors[79])


def test_a_run_gives_data_frames(outcome: RunOutcome) -> None:
    run = Run(outcome, datetime.now(UTC), {})
    assert list(run.assignments.columns) == COLUMNS
    assert run.assignments["cluster"].tolist() == list(outcome.assignments.clusters)
    assert run.scores["algorithm"].tolist() == ["kmeans", "hdbscan"]
    assert run.scores["accuracy"][1] == run.chosen.scores.accuracy.value
    contingency = run.contingency
    assert contingency is not None
    assert contingency.index.tolist() == ["CNV", "DME", "DRUSEN", "NORMAL"]
    assert contingency.to_numpy().sum() == 80
    assert Run(make_outcome(classes=()), datetime.now(UTC), {}).contingency is None


def test_a_notebook_shows_a_run_without_names_and_without_pandas(
    outcome: RunOutcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    run = Run(outcome, datetime.now(UTC), {})
    shown = run._repr_html_()
    assert shown.count("<table>") == 2
    for text in ("DRUSEN", "hdbscan", "research use only"):
        assert text.lower() in shown.lower()
    assert "secret" not in shown
    assert "secret" not in repr(run)
    assert "HDBSCAN put" in repr(run)
    assert "near-duplicates" in repr(run)
    assert "research use only" in repr(run)
    with pytest.raises(ModuleNotFoundError, match="pandas"):
        _ = run.assignments


def test_class_names_are_shown_as_text(outcome: RunOutcome) -> None:
    images = [
        replace(image, label="<b>" if image.label == "CNV" else image.label) for image in outcome.members
    ]
    named = replace(outcome, members=images, image_set=replace(outcome.image_set, images=images))
    assert "<b>" not in Run(named, datetime.now(UTC), {})._repr_html_()


def test_a_notebook_does_not_replace_what_a_command_left(tmp_path: Path, outcome: RunOutcome) -> None:
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(InvalidArguments, match="holds the output of 'octcluster study'"):
        run(tmp_path / "no images", out=tmp_path)
    with pytest.raises(InvalidArguments, match="give each command its own output folder"):
        Run(outcome, datetime.now(UTC), {}).write(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["study.json"]


def test_a_page_names_images_only_when_asked(tmp_path: Path, outcome: RunOutcome) -> None:
    found = Run(outcome, datetime.now(UTC), {})
    found.write(tmp_path / "usual")
    found.write(tmp_path / "named", identified=True)
    name = outcome.members[0].name
    pages = [(tmp_path / folder / "report.html").read_text() for folder in ("usual", "named")]
    assert [name in page for page in pages] == [False, True]


def test_an_assignment_is_a_table_and_its_files(tmp_path: Path) -> None:
    import pandas as pd

    done = Assignment(make_assign_outcome(failed=1), datetime.now(UTC), {})
    table = done.assignments
    assert (len(table), table["cluster"].dtype.kind) == (79, "i")
    assert repr(done).startswith("79 images assigned to the clusters of run ")
    done.write(tmp_path)
    rows = pd.read_csv(tmp_path / "assignments.csv", keep_default_na=False)
    assert list(rows.columns) == [*table.columns, "run_id"]
    for name in ("image", "cluster", "label", "patient", "percentile", "outlier", "seen"):
        assert rows[name].tolist() == table[name].tolist()
    assert (tmp_path / "report.html").exists()


def test_an_option_that_there_is_not_brings_the_one_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(InvalidArguments, match=r"octcluster\.run has no option 'sead'; did you mean seed\?"):
        run(tmp_path, sead=1)
    with pytest.raises(
        InvalidArguments, match=r"octcluster\.assign has no option 'embeder'; did you mean embedder\?"
    ):
        assign(tmp_path, tmp_path, embeder="gpu-box:50051")


def test_a_run_that_is_none_is_refused_before_any_image_is_read(tmp_path: Path) -> None:
    (tmp_path / "model.npz").write_bytes(b"no model")
    with pytest.raises(InvalidArguments, match=r"is no model\.npz of octcluster"):
        assign(tmp_path / "model.npz", tmp_path / "nowhere")
