"""Fixtures and switches that all tests share."""

from pathlib import Path

import machine
import pytest


@pytest.fixture(scope="session")
def oct_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of OCT images in class folders: real ones where the machine has them, else phantoms."""
    folder = machine.real_images()
    if folder is not None:
        return folder
    from octcluster.phantoms import write_phantoms

    folder = tmp_path_factory.mktemp("phantoms")
    write_phantoms(folder, images_per_class=24, seed=0)
    return folder


def pytest_report_header() -> list[str]:
    real = machine.real_images() is not None
    return [
        f"OCT images: {'real ones (OCT2017)' if real else 'phantoms, made by the project'}",
        "redis-server: " + ("found" if machine.redis_server() else "missing: those tests use Valkey only"),
    ]
