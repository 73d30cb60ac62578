"""Folders that only their user may look into."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from octcluster.local.options import LocalStackOptions
from octcluster.local.private_folders import close_folder, make_private_folder
from octcluster.local.stack import LocalStack
from octcluster.model.errors import LocalStackError
from octcluster.model.progress import Silence
from octcluster.outputs.folder import prepare_folder

_NOBODY = 65534


@contextmanager
def as_nobody() -> Iterator[None]:
    """Works as a user without rights, and then as before."""
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_folders_above_are_private_too_and_those_that_exist_are_left(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private_folder(tmp_path / "a" / "b")
    modes = [folder.stat().st_mode & 0o777 for folder in (tmp_path, tmp_path / "a", tmp_path / "a" / "b")]
    assert modes == [0o755, 0o700, 0o700]
    make_private_folder(tmp_path / "a" / "b")


def test_a_folder_that_others_can_look_into_is_closed_once(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    assert close_folder(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert not close_folder(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can work as another user")
def test_vectors_in_a_folder_of_another_user_are_refused_with_the_cure() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        cache = Path(place)
        vectors = cache / "vectors"
        vectors.mkdir()
        cache.chmod(0o777)
        vectors.chmod(0o755)
        stack = LocalStack(LocalStackOptions(cache, embedder=False), Silence())
        with as_nobody(), pytest.raises(LocalStackError) as refused:
            stack.__enter__()
        assert f"other users can look into {vectors}" in str(refused.value)
        assert f"chmod 700 {vectors}" in str(refused.value)
        assert "--cache-dir" in str(refused.value)
        assert vectors.stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can work as another user")
def test_an_output_folder_of_another_user_is_told() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        Path(place).chmod(0o777)
        told: list[str] = []
        with as_nobody():
            prepare_folder(Path(place), "run", told.append)
        (sentence,) = told
        assert sentence.startswith(
            f"other users can look into {place}, and that cannot be changed (Operation"
        )
        assert sentence.endswith("better name another folder for the outputs")
