"""``octcluster embed``: vectors of images into a store of Parquet files, here and on a real Dask cluster."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from dask_clusters import DaskParts, running_parts
from octcluster import (
    DaskPlace,
    EmbedOptions,
    EmbedOutcome,
    InvalidArguments,
    OctclusterError,
    RunOptions,
    Silence,
    embed_images,
    run_images,
)
from octcluster.cli.main import main
from octcluster.images.folder import find_images, open_source
from octcluster.images.keys import SECRET_VARIABLE
from octcluster.images.phantoms import write_phantoms
from octcluster.workflows import embed_parts
from octcluster.workflows.embed_parts import cut_parts
from processes import Server, free_port, running_service
from pyarrow import dataset
from small_disk import small_disk
from stores import Store

from .conftest import Recorder

pytestmark = pytest.mark.heavy

SECRET = "a secret of the site"
CANARY = "MUELLER-1950"
PER_CLASS = 12


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Phantoms in folders of their class, a file that is no image, and one that is damaged."""
    folder = tmp_path_factory.mktemp("scans")
    write_phantoms(folder, PER_CLASS, 3)
    (folder / "CNV" / "notes.txt").write_text("nothing")
    (folder / "CNV" / f"{CANARY}.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    return folder


def count_phantoms(scans: Path) -> int:
    return len(list(scans.rglob("*.jp*g"))) + len(list(scans.rglob("*.png"))) - 1


def into_new_store(folder: Path, model_cache: Path) -> EmbedOptions:
    """With an embedder that starts in a second."""
    cache = folder / "cache"
    cache.mkdir()
    (cache / "models").symlink_to(model_cache)
    store = (folder / "vectors").as_uri()
    return EmbedOptions(model="pixels", cache_dir=cache, store_url=store, key_secret=SECRET.encode())


@pytest.fixture
def options(tmp_path: Path, model_cache: Path) -> EmbedOptions:
    return into_new_store(tmp_path, model_cache)


@pytest.fixture(scope="module")
def embedded_here(
    tmp_path_factory: pytest.TempPathFactory, model_cache: Path, scans: Path
) -> tuple[EmbedOptions, EmbedOutcome, Recorder]:
    """What this machine alone makes of the scans."""
    options, recorder = into_new_store(tmp_path_factory.mktemp("here"), model_cache), Recorder()
    return options, embed_images(scans, options, recorder), recorder


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskParts]:
    folder = tmp_path_factory.mktemp("dask")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SECRET_VARIABLE, SECRET)
        with running_parts(folder, "redis://127.0.0.1:1/0") as parts:
            parts.start_workers(2)
            yield parts


def read_vectors(options: EmbedOptions) -> dict[bytes, bytes]:
    """All vectors of the store that are no measures, by key."""
    folder = Path(str(options.store_url).removeprefix("file://"))
    (space,) = (each for each in folder.iterdir() if not each.name.endswith("-float32-10"))
    table = dataset.dataset(space, format="parquet").to_table(columns=["image_key", "vector"])
    return dict(zip(table["image_key"].to_pylist(), table["vector"].to_pylist(), strict=True))


def on_workers(options: EmbedOptions, workers: DaskParts) -> EmbedOptions:
    return replace(options, dask=DaskPlace(workers.place.address))


def test_a_run_with_the_same_store_embeds_nothing(
    embedded_here: tuple[EmbedOptions, EmbedOutcome, Recorder],
    scans: Path,
    store: Store,
    pixel_embedder: Server,
) -> None:
    options, outcome, recorder = embedded_here
    n_images = count_phantoms(scans)

    assert (outcome.images, outcome.embedded) == (n_images + 1, n_images)
    assert [name for name, _ in outcome.failures] == [f"CNV/{CANARY}.png"]
    assert outcome.ignored == {".txt": 1}
    assert recorder.stages == ["Counting", "Starting", "Embedding"]
    assert recorder.done["Embedding"] == recorder.totals["Embedding"] == n_images + 2
    options = replace(options, embedder=pixel_embedder.address)
    assert embed_images(scans, options, Silence()).embedded == 0
    flags = ("--redis-url", store.url, "--store", "parquet", "--store-url", str(options.store_url))
    with running_service("octcluster_clusterer", *flags) as clusterer:
        run = run_images(
            find_images(scans),
            RunOptions(
                model="pixels",
                embedder=pixel_embedder.address,
                clusterer=clusterer.address,
                key_secret=options.key_secret,
                umap=False,
                stability_resamples=0,
            ),
            Silence(),
        )
    assert (run.embedded, run.cached) == (0, n_images)


def test_workers_make_the_same_vectors(
    options: EmbedOptions,
    scans: Path,
    workers: DaskParts,
    embedded_here: tuple[EmbedOptions, EmbedOutcome, Recorder],
    monkeypatch: pytest.MonkeyPatch,
    recorder: Recorder,
) -> None:
    here, *_ = embedded_here
    monkeypatch.setattr(embed_parts, "_FILES", PER_CLASS // 2)

    outcome = embed_images(scans, on_workers(options, workers), recorder)

    n_images = count_phantoms(scans)
    assert (outcome.images, outcome.embedded) == (n_images + 1, n_images)
    assert [name for name, _ in outcome.failures] == [f"CNV/{CANARY}.png"]
    assert read_vectors(options) == read_vectors(here)
    assert len(read_vectors(options)) == n_images
    assert recorder.done["Embedding"] == recorder.totals["Embedding"]
    assert CANARY not in workers.log
    assert str(scans) not in workers.log


def test_a_worker_that_is_killed_costs_no_image(
    options: EmbedOptions,
    scans: Path,
    workers: DaskParts,
    monkeypatch: pytest.MonkeyPatch,
    pixel_embedder: Server,
) -> None:
    options = replace(options, embedder=pixel_embedder.address)
    monkeypatch.setattr(embed_parts, "_FILES", 4)
    monkeypatch.setattr(embed_parts, "_MOST_FILES", 4)
    killed: list[int] = []

    class KillingProgress(Silence):
        def update(self, done: int, total: int) -> None:
            if done and not killed:
                killed.append(done)
                workers.kill_worker(0)

    outcome = embed_images(scans, on_workers(options, workers), KillingProgress())

    assert killed
    assert killed[0] < count_phantoms(scans)
    assert outcome.images == count_phantoms(scans) + 1
    assert len(read_vectors(options)) == count_phantoms(scans)


def test_a_store_that_is_full_keeps_what_it_has_and_the_next_call_goes_on(
    options: EmbedOptions,
    scans: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pixel_embedder: Server,
) -> None:
    monkeypatch.setattr(embed_parts, "_FILES", 4)
    with small_disk(tmp_path / "disk", 512) as disk:
        options = replace(options, embedder=pixel_embedder.address, store_url=(disk / "vectors").as_uri())
        with pytest.raises(OctclusterError, match="its disk is full: free space there"):
            embed_images(scans, options, Silence())
        kept = len(read_vectors(options))
        assert 0 < kept < count_phantoms(scans)

        subprocess.run(["mount", "-o", "remount,size=16m", disk], check=True)
        outcome = embed_images(scans, options, Silence())
        assert outcome.embedded == count_phantoms(scans) - kept
        assert len(read_vectors(options)) == count_phantoms(scans)


def test_workers_use_the_embedder_that_is_named(
    options: EmbedOptions, scans: Path, workers: DaskParts, pixel_embedder: Server
) -> None:
    address = pixel_embedder.address
    outcome = embed_images(scans, on_workers(replace(options, embedder=address), workers), Silence())
    assert outcome.embedded == count_phantoms(scans)


def test_a_worker_with_another_secret_says_so(options: EmbedOptions, scans: Path, workers: DaskParts) -> None:
    other = replace(on_workers(options, workers), key_secret=b"another")
    with pytest.raises(OctclusterError, match="set OCTCLUSTER_KEY_SECRET for octcluster-dask-worker"):
        embed_images(scans, other, Silence())
    assert not Path(str(options.store_url).removeprefix("file://")).exists()


def test_the_secret_does_not_travel(options: EmbedOptions) -> None:
    assert options.key_secret == SECRET.encode()
    assert options.job.services.key_secret == b""
    assert options.job.services.embedder_token is None


def test_no_scheduler_is_told_in_a_sentence(options: EmbedOptions, scans: Path) -> None:
    place = DaskPlace(f"tcp://127.0.0.1:{free_port()}")
    with pytest.raises(OctclusterError, match="cannot be reached: check that octcluster-dask-scheduler runs"):
        embed_images(scans, replace(options, dask=place), Silence())


@pytest.mark.parametrize(
    ("address", "cure"),
    [
        ("tcp://10.0.0.1:8786", "use tls:// and certificates"),
        ("tls://10.0.0.1:8786", "give all"),
        ("10.0.0.1:8786", "write tls://HOST:PORT"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(address: str, cure: str) -> None:
    with pytest.raises(InvalidArguments, match=cure):
        DaskPlace(address).check()


def test_the_command_tells_of_failures(
    options: EmbedOptions,
    scans: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    pixel_embedder: Server,
) -> None:
    flags = ["--embedder", pixel_embedder.address, "--model", "pixels"]
    command = ["embed", str(scans), "--out", str(tmp_path / "vectors"), *flags]
    failures = tmp_path / "failures.csv"

    assert main([*command, "--failures", str(failures)]) == 0
    assert f"{count_phantoms(scans)} embedded now, 1 failed" in capsys.readouterr().out
    assert failures.read_text().splitlines()[1].startswith(f"CNV/{CANARY}.png,")
    assert main([*command, "--strict"]) == 1
    assert f"CNV/{CANARY}.png" in capsys.readouterr().out


def test_parts_are_cut_between_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, files in (("a", 3), ("b", 3), ("c", 9)):
        (tmp_path / folder).mkdir()
        for number in range(files):
            (tmp_path / folder / f"{number}.png").touch()
    monkeypatch.setattr(embed_parts, "_FILES", 2)
    monkeypatch.setattr(embed_parts, "_MOST_FILES", 5)

    sizes = [len(part.names) for part in cut_parts(open_source(tmp_path))]

    assert sizes == [3, 3, 5, 4]


def test_a_list_may_name_single_scans(tmp_path: Path) -> None:
    shutil.copy(__file__, tmp_path / "volume.dcm")
    (tmp_path / "list.txt").write_text("volume.dcm#2\nother.png\n")
    (part,) = cut_parts(open_source(tmp_path / "list.txt"))
    assert (list(part.names), dict(part.numbers), part.listed) == (
        ["volume.dcm", "other.png"],
        {"volume.dcm": {2}},
        True,
    )
