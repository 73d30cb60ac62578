"""A cache on a full disk: the run succeeds, says that nothing is kept, and nothing else is blamed later."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from octcluster import AssignOptions, ImageSet, RunNotFound, RunOptions, assign_images, find_run, run_images
from octcluster.cli.terminal.run import print_run_summary
from octcluster.outputs.run.files import write_run_files
from processes import Server
from small_disk import small_disk

from .conftest import Recorder


def test_a_run_on_a_full_disk_says_that_nothing_is_kept(
    pixel_embedder: Server,
    image_set: ImageSet,
    recorder: Recorder,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with small_disk(tmp_path / "cache", 256) as cache:
        services: dict[str, Any] = {"embedder": pixel_embedder.address, "model": "pixels", "cache_dir": cache}
        options = RunOptions(**services, umap=False, stability_resamples=0)
        outcome = run_images(image_set, options, recorder)
        assert (
            f"{cache}/vectors/vectors.rdb could not be written (No space left on device)" in outcome.not_kept
        )
        assert not list((cache / "vectors").iterdir()), "no half file stays"

        folder = tmp_path / "result"
        folder.mkdir()
        write_run_files(outcome, folder, {}, datetime.now(UTC))
        assert json.loads((folder / "run.json").read_text())["not_kept"] == outcome.not_kept
        print_run_summary(outcome, folder)
        assert "are not kept" in capsys.readouterr().out

        (folder / "model.npz").unlink()
        with pytest.raises(RunNotFound) as told:
            assign_images(find_run(str(folder)), image_set, AssignOptions(**services), recorder)
        assert "No space left on device" in str(told.value)
        assert "is older" not in str(told.value)

    with small_disk(tmp_path / "cache", 8192) as cache:
        outcome = run_images(image_set, options, recorder)
        assert (outcome.not_kept, outcome.embedded) == ("", 40)
        assert (cache / "vectors" / "vectors.rdb").stat().st_size > 40 * 22_500
