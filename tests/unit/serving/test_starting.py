"""What a start imports is looked through for garbage no more, and garbage is collected again."""

import gc

import pytest
from octcluster_serving.starting import kept_imports


def test_what_is_imported_stays_and_garbage_is_collected_again() -> None:
    before = gc.get_freeze_count()
    with kept_imports():
        assert not gc.isenabled()
        made = [[number] for number in range(10_000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() - before >= len(made)


def test_an_import_that_fails_does_not_end_the_collection_of_garbage() -> None:
    with pytest.raises(ImportError), kept_imports():
        raise ImportError("is not there")
    assert gc.isenabled()
