"""The map of identities: read with the key alone, and forgetful when asked."""

import sqlite3
from pathlib import Path

import pytest
from octcluster_gateway.errors import IdentityUnreadable, UnusableSecret
from octcluster_gateway.pseudonyms.identity_map import Identity, IdentityMap

_KEY = b"k" * 32
_JANE = Identity("patient", {"PatientID": "P-0012", "PatientName": "Röe^Jane"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "identities.sqlite"


def read_all(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_identity_is_found_again(path: Path) -> None:
    with IdentityMap(path, _KEY) as identities:
        identities.remember("p1", _JANE)
        assert identities.find("p1") == _JANE
        assert identities.find("p2") is None
    with IdentityMap(path, _KEY) as identities:
        assert identities.find("p1") == _JANE


def test_latest_identity_counts(path: Path) -> None:
    other = Identity("patient", {"PatientID": "P-0012", "PatientName": "Doe^Jane"})
    with IdentityMap(path, _KEY) as identities:
        identities.remember("p1", _JANE)
        identities.remember("p1", other)
        assert identities.find("p1") == other


def test_nothing_of_an_identity_is_readable_in_the_files(path: Path) -> None:
    with IdentityMap(path, _KEY) as identities:
        identities.remember("p1", _JANE)
        content = read_all(path)
        assert b"p1" in content
        for secret in (b"P-0012", b"Jane", b"PatientName", "Röe".encode(), "Röe".encode("latin-1"), _KEY):
            assert secret not in content
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in path.parent.iterdir())


def test_another_key_reads_nothing(path: Path) -> None:
    with IdentityMap(path, _KEY) as identities:
        identities.remember("p1", _JANE)
    with (
        IdentityMap(path, b"x" * 32) as identities,
        pytest.raises(IdentityUnreadable, match="give the key that the map was written with"),
    ):
        identities.find("p1")


def test_exchanged_rows_are_not_read(path: Path) -> None:
    with IdentityMap(path, _KEY) as identities:
        identities.remember("p1", _JANE)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE identities SET pseudonym = 'p2'")
    with IdentityMap(path, _KEY) as identities, pytest.raises(IdentityUnreadable):
        identities.find("p2")


def test_forgotten_identity_is_gone_from_the_files(path: Path) -> None:
    with IdentityMap(path, _KEY) as identities:
        identities.remember("pseudonym-of-jane", _JANE)
        identities.remember("pseudonym-of-joe", _JANE)
        assert identities.forget("pseudonym-of-jane")
        assert not identities.forget("pseudonym-of-jane")
        assert identities.find("pseudonym-of-jane") is None
        assert identities.find("pseudonym-of-joe") == _JANE
        content = read_all(path)
        assert b"pseudonym-of-jane" not in content
        assert b"pseudonym-of-joe" in content


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_key_of_another_length_is_refused(path: Path, length: int) -> None:
    with pytest.raises(UnusableSecret, match=f"has {length} bytes and needs 32"):
        IdentityMap(path, b"k" * length)
    assert not path.exists()
