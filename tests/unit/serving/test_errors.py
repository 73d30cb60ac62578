"""What keeps a server from starting ends the program with a code of its own."""

from octcluster_serving.errors import CannotListen, ServingError, UnusableFile


def test_exit_codes() -> None:
    assert {kind: kind.exit_code for kind in ServingError.__subclasses__()} == {
        CannotListen: 1,
        UnusableFile: 2,
    }


def test_who_cannot_listen_learns_where() -> None:
    assert "--listen 127.0.0.1:1" in str(CannotListen("--listen", "127.0.0.1:1"))
