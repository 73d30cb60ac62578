"""The words that names are read by, out of ``vocabulary.toml``."""

import tomllib
from functools import cache
from importlib.resources import files


@cache
def _read() -> dict[str, dict[str, str]]:
    return tomllib.loads(files(__package__).joinpath("vocabulary.toml").read_text(encoding="utf-8"))


@cache
def words(kind: str) -> frozenset[str]:
    """The words of one kind of the table ``words``, in lower case."""
    return frozenset(_read()["words"][kind].casefold().split())


@cache
def phrases(table: str) -> dict[str, list[str]]:
    """The names of a table that are separated by commas, by the table's keys."""
    return {
        key: [" ".join(name.split()) for name in names.split(",")] for key, names in _read()[table].items()
    }
