"""Files of fitted results that clients gave back, by their digest, for a limited time."""

import threading
from collections import OrderedDict
from hashlib import sha256

from octcluster_clusterer.assignment.assign import FittedResult
from octcluster_clusterer.assignment.fitted_file import read_fitted
from octcluster_clusterer.errors import FittedRunNotFound
from octcluster_clusterer.store.redis import RedisStore

DIGEST_BYTES = 32
_KEY_PREFIX = b"octcluster:v1:fitted:"
_FIELD = b"file"
# Parsed results that stay in memory: one a caller, at most some 100 MiB each.
_REMEMBERED = 2


class FittedStore:
    """Fitted results in Redis, where each clusterer at one address finds them; the last ones in memory."""

    def __init__(self, store: RedisStore, ttl_seconds: int) -> None:
        """Keeps files in ``store`` for ttl_seconds after they were last put."""
        self._store = store
        self._ttl_seconds = ttl_seconds
        self._remembered: OrderedDict[bytes, FittedResult] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, content: bytes) -> bytes:
        """Checks and keeps a file.

        Returns:
            Its digest: SHA-256, 32 bytes.

        Raises:
            InvalidRequest: It is no sound file of a fitted result.
            StoreUnavailable: Redis does not serve.
        """
        fitted = read_fitted(content)
        digest = sha256(content).digest()
        self._store.write_record(_key(digest), {_FIELD: content}, self._ttl_seconds)
        self._remember(digest, fitted)
        return digest

    def find(self, digest: bytes) -> FittedResult:
        """Finds a fitted result.

        Raises:
            FittedRunNotFound: No sound file of this digest is kept (any more).
            StoreUnavailable: Redis does not serve.
        """
        with self._lock:
            known = self._remembered.get(digest)
        if known is None:
            content = self._store.read_record(_key(digest)).get(_FIELD, b"")
            if sha256(content).digest() != digest:
                raise FittedRunNotFound("no fitted run has this digest: put its file (again)")
            known = read_fitted(content)
        self._remember(digest, known)
        return known

    def _remember(self, digest: bytes, fitted: FittedResult) -> None:
        with self._lock:
            self._remembered[digest] = fitted
            self._remembered.move_to_end(digest)
            while len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)


def _key(digest: bytes) -> bytes:
    return _KEY_PREFIX + digest.hex().encode()
