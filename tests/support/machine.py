"""What this machine has for tests, and what happens when it lacks something."""

import os
import shutil
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def need(available: object, what: str, cure: str) -> None:
    """Skips the test with its reason and cure if it lacks something; conftest.py can forbid skipping."""
    if not available:
        pytest.skip(f"{what} is missing; cure: {cure}")


def redis_server() -> str | None:
    """The program redis-server of this machine, if it has one."""
    return shutil.which("redis-server")


def openssl() -> str | None:
    """The program openssl of this machine, if it has one."""
    return shutil.which("openssl")


def dciodvfy() -> str | None:
    """The validator of DICOM objects of this machine, if it has one."""
    return shutil.which("dciodvfy")


def orthanc() -> str | None:
    """The program Orthanc of this machine, a PACS, if it has one."""
    return shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")


def xmllint() -> str | None:
    """The validator of XML of this machine, if it has one."""
    return shutil.which("xmllint")


def real_images() -> Path | None:
    """The folder of real OCT images, if this machine has it."""
    configured = os.environ.get("OCTCLUSTER_TEST_IMAGES")
    folder = Path(configured) if configured else REPOSITORY.parent / "shared" / "oct2017"
    return folder if folder.is_dir() else None


def browser() -> str | None:
    """A Chromium of this machine, if it has one: one without windows takes a quarter less processor time."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)
