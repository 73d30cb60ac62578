"""Shards in a bucket of S3, or of what speaks like it."""

import tempfile
import time
from collections.abc import Callable, Mapping
from typing import IO, Any

from pyarrow import fs

from octcluster_clusterer.store.parquet.folders import ENDINGS, FileFacts

# What is larger is gathered on the disk before it is sent, and not in memory.
_LARGEST_IN_MEMORY_BYTES = 16 * 2**20
_SENT_AT_ONCE_BYTES = 8 * 2**20
_ATTEMPTS = 2
_LONGEST_CONNECT_SECONDS = 2.0
# Each question costs money; the service's health may follow the bucket this much later.
_SECONDS_BETWEEN_CHECKS = 15.0


class S3Folder:
    """A ``ShardFolder`` in a bucket. An object appears when its upload is completed, and is durable then.

    Credentials and region come from where AWS's own programs take them: environment, files, instance.
    """

    gap_bytes = 2**20

    def __init__(self, path: str, options: Mapping[str, str], timeout_seconds: float) -> None:
        """Keeps shards under ``path``.

        Args:
            path: Bucket and prefix.
            options: Of ``endpoint_override``, ``scheme`` and ``region``, those that are not as AWS has them.
            timeout_seconds: Longest wait for an answer; for a connection at most 2 s. Each is tried twice.
        """
        self._path = path
        self._checked = float("-inf")
        self._bucket = fs.S3FileSystem(
            **options,
            connect_timeout=min(_LONGEST_CONNECT_SECONDS, timeout_seconds),
            request_timeout=timeout_seconds,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
            allow_delayed_open=True,  # what is small goes in one request and not in three
        )

    def list_files(self, space: str) -> dict[str, FileFacts]:
        """The files of a space by name."""
        now = time.time()
        found = {
            info.base_name: FileFacts(info.size, now - info.mtime.timestamp())
            for info in self._list(f"{self._path}/{space}")
            if info.type is fs.FileType.File and info.base_name.endswith(ENDINGS)
        }
        if not found:
            self.check()
        return found

    def open_file(self, space: str, name: str) -> Any:
        """Opens a shard."""
        return self._bucket.open_input_file(f"{self._path}/{space}/{name}")

    def write_file(self, space: str, name: str, fill: Callable[[IO[bytes]], None]) -> None:
        """Writes a shard; it is complete here before the first byte is sent."""
        with tempfile.SpooledTemporaryFile(_LARGEST_IN_MEMORY_BYTES) as content:
            fill(content)
            content.seek(0)
            with self._bucket.open_output_stream(f"{self._path}/{space}/{name}") as upload:
                while piece := content.read(_SENT_AT_ONCE_BYTES):
                    upload.write(piece)

    def delete_file(self, space: str, name: str) -> None:
        """Deletes a shard, if it is there."""
        try:
            self._bucket.delete_file(f"{self._path}/{space}/{name}")
        except FileNotFoundError:
            return

    def delete_leavings(self, space: str) -> None:
        """There is nothing that this could delete: S3 drops uploads that nobody completes, if told so."""

    def list_spaces(self) -> list[str]:
        """The folders that there are."""
        infos = self._list(self._path)
        return sorted(info.base_name for info in infos if info.type is fs.FileType.Directory)

    def check(self) -> None:
        """Raises unless the bucket answers; an answer holds for some seconds."""
        if time.monotonic() - self._checked > _SECONDS_BETWEEN_CHECKS:
            bucket = self._path.partition("/")[0]
            if self._bucket.get_file_info(bucket).type is fs.FileType.NotFound:
                raise OSError("AWS Error NO_SUCH_BUCKET")  # in the words of the library, for ``faults.py``
            self._checked = time.monotonic()

    def _list(self, path: str) -> list[Any]:
        found: list[Any] = self._bucket.get_file_info(fs.FileSelector(path, allow_not_found=True))
        return found
