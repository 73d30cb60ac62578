"""A test as somebody who may not do everything."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def as_another_user() -> Iterator[None]:
    """Root may do everything: so the test is somebody else meanwhile."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
