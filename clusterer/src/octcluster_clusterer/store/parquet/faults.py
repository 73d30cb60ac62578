"""What went wrong where the shards lie, and what a person can do about it."""

import errno
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from octcluster_clusterer.errors import StoreRefused, StoreUnavailable

logger = logging.getLogger(__name__)

_DENIED = (
    "it may not be read or written: give the user of the clusterer the rights to the folder of --store-url"
)
_FULL = "its disk is full: free space there"
_ABSENT = "its folder is not there, or is none: make the folder above the one of --store-url, or mount it"
# An error of a file system by its number; what is not here passes by itself, or shows in the log.
_CURES_BY_NUMBER = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EROFS: "its disk is read-only: mount it for writing",
    errno.ENOENT: _ABSENT,
    errno.ENOTDIR: _ABSENT,
}
_CREDENTIALS = (
    "S3 refuses the credentials: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the clusterer"
)
# An error of S3 by the word for it in the message, which also names bucket and key: only the word is kept.
_CURES_BY_WORD = {
    "NO_SUCH_BUCKET": "its bucket is not there: make the bucket of --store-url",
    "ACCESS_DENIED": "S3 denies it: allow to list, get, put and delete in the bucket of --store-url",
    "INVALID_ACCESS_KEY_ID": _CREDENTIALS,
    "SIGNATURE_DOES_NOT_MATCH": _CREDENTIALS,
    "INVALID_CLIENT_TOKEN_ID": _CREDENTIALS,
    "MISSING_AUTHENTICATION_TOKEN": _CREDENTIALS,
    "UNRECOGNIZED_CLIENT": _CREDENTIALS,
}
_S3_AWAY = "S3 does not answer: check the network and the address in --store-url, and try again"
_AWAY = "it cannot be read or written: check its disk or mount, and try again"


@contextmanager
def asking(observe: Callable[[float, str], None], files_may_go: bool = False) -> Iterator[None]:
    """Around each request: turns errors of the place into ours, and tells how long it took.

    Args:
        observe: Is told it; see ``open_vectors``.
        files_may_go: Another process may delete what is asked for: FileNotFoundError goes through.

    Raises:
        StoreUnavailable: The place does not serve.
    """
    began, fault = time.monotonic(), ""
    try:
        yield
    except OSError as error:
        if files_may_go and isinstance(error, FileNotFoundError):
            raise
        translated = translate(error)
        fault = "refused" if isinstance(translated, StoreRefused) else "away"
        raise translated from error
    finally:
        observe(time.monotonic() - began, fault)


def translate(error: OSError) -> StoreUnavailable:
    """The error as callers get it: it names no path, bucket or key, as messages of the place do."""
    found = re.search(r"AWS Error (\w+)|(?:credentials|Credentials)", str(error))
    kind = (found[1] or "NO_CREDENTIALS") if found else errno.errorcode.get(error.errno or 0, "")
    if found:
        cure = _CREDENTIALS if kind == "NO_CREDENTIALS" else _CURES_BY_WORD.get(kind)
    else:
        cure = _CURES_BY_NUMBER.get(error.errno or 0)
    logger.log(logging.ERROR if cure else logging.DEBUG, "store: %s: %s", type(error).__name__, kind)
    if cure is None:
        return StoreUnavailable(f"the vector store does not serve: {_S3_AWAY if found else _AWAY}")
    return StoreRefused(f"the vector store does not serve: {cure}")
