"""What the optional parts of the distribution bring, as its own metadata say."""

import re
from importlib.metadata import PackageNotFoundError, requires, version

from octcluster.model.errors import ExtraNotInstalled

_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+).*;.*\bextra *== *[\"'](?P<extra>[\w-]+)[\"']")


def check_extra(extra: str) -> None:
    """Raises ExtraNotInstalled, before work is done that would need an extra of octcluster."""
    if missing := find_missing(extra):
        raise ExtraNotInstalled(", ".join(missing), extra)


def find_missing(extra: str) -> list[str]:
    """Finds the distributions that an extra of octcluster asks for and that are not installed.

    Args:
        extra: Name of the extra.

    Returns:
        Their names, sorted; empty if the extra is installed.
    """
    asked_for = (_REQUIREMENT.match(requirement) for requirement in requires("octcluster") or ())
    names = {found["name"] for found in asked_for if found and found["extra"] == extra}
    return sorted(name for name in names if not _is_installed(name))


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
