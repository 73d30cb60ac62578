"""A network of the user's own, from the file to the clusters and to new images."""

import csv
import json
from pathlib import Path

import numpy as np
import octcluster
import pytest
from octcluster import EmbedderClient, InvalidArguments, LocalStackError, find_run
from octcluster.cli.arguments.explore import ExploreCommand
from octcluster.cli.main import main
from octcluster.cli.parser import parse_command
from processes import running_service
from tiny_onnx import SIDE, write_model

pytestmark = pytest.mark.heavy

USE = f'input_side = {SIDE}\npooled = "values"\nblocks = ["tokens", "map"]\n'
OPTIONS = ["--no-umap", "--stability", "0", "--quiet"]


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from octcluster.images.phantoms import write_phantoms

    folder = tmp_path_factory.mktemp("phantoms")
    write_phantoms(folder, images_per_class=4, seed=0)
    return folder


def test_a_run_and_new_images(scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    write_model(tmp_path / "models", USE, "clinic")
    monkeypatch.chdir(tmp_path)  # the run's record is used from elsewhere
    out, cache = tmp_path / "result", str(tmp_path / "cache")
    command = ["run", str(scans), "--out", str(out), "--model", "models/clinic.onnx", "-k", "2", "--vectors"]
    assert main([*command, "--cache-dir", cache, *OPTIONS]) == 0
    record = json.loads((out / "run.json").read_text())
    assert record["model"] == "clinic"
    assert record["recipe"]["name"] == "plain-1"
    assert record["space"]["dimension"] == 3

    monkeypatch.chdir(scans)
    assert main(["assign", str(out), str(scans), "--out", str(tmp_path / "new"), "--quiet"]) == 0
    with (out / "assignments.csv").open() as run, (tmp_path / "new" / "assignments.csv").open() as new:
        clusters = [row["cluster"] for row in csv.DictReader(run)]
        assert [row["cluster"] for row in csv.DictReader(new)] == clusters

    explore = parse_command(["explore", str(out)])
    assert isinstance(explore, ExploreCommand)
    assert explore.find_services(find_run(str(out))).model_file == tmp_path / "models" / "clinic.onnx"

    of_blocks = octcluster.run(
        scans,
        model=tmp_path / "models" / "clinic.onnx",
        k=2,
        recipe="consensus-2",
        cache_dir=cache,
        umap=False,
        stability=0,
    )
    assert of_blocks.outcome.space.part_dimensions == (3, 3, 3)


def test_a_file_that_is_no_network_is_told_with_the_cure(scans: Path, tmp_path: Path) -> None:
    model = write_model(tmp_path, USE)
    model.write_bytes(b"none")
    with pytest.raises(
        LocalStackError, match="cannot be read as ONNX with its weights inside: export it again"
    ):
        octcluster.run(scans, model=model, cache_dir=tmp_path / "cache")


def test_what_is_missing_is_told_before_servers_start(tmp_path: Path, scans: Path) -> None:
    with pytest.raises(InvalidArguments, match=r"there is no file .*none\.onnx"):
        octcluster.run(scans, model=tmp_path / "none.onnx")
    with pytest.raises(InvalidArguments, match="is for an embedder that is started here"):
        octcluster.run(scans, model=write_model(tmp_path, USE), embedder="127.0.0.1:1")


def test_a_server_serves_the_models_of_its_operator(tmp_path: Path) -> None:
    model = write_model(tmp_path, USE, "clinic")
    arguments = ("--models", f"{model},pixels", "--cache-dir", str(tmp_path / "cache"))
    with running_service("octcluster_embedder", *arguments) as server:
        with EmbedderClient(server.address) as client:
            info = client.info()
            assert [one.name for one in info.models] == ["clinic", "pixels"]
            space = client.space("pooled", "clinic")
            assert len(space.weights_digest) == 64
            assert str(tmp_path) not in str(info)
            embedded = client.embed([_png()], model="clinic")
        assert np.frombuffer(embedded[0].vector, "<f4") == pytest.approx([7, 7, 7])  # type: ignore[union-attr]


def _png() -> bytes:
    from io import BytesIO

    from PIL import Image

    stream = BytesIO()
    Image.new("L", (64, 64), 7).save(stream, "png")
    return stream.getvalue()
