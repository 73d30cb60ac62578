"""What can be set, each by a flag or an environment variable, and what it is when it is not set."""

import os
import stat
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from octcluster_serving.settings import Listen, ProgramSettings, ServerSettings, split_names
from pydantic import AfterValidator, BeforeValidator, ByteSize, Field
from pydantic_settings import NoDecode, SettingsConfigDict

from octcluster_clusterer.memory import find_usable_memory_bytes
from octcluster_clusterer.store.opening import VectorPlace


def _find_memory_limit() -> ByteSize:
    return ByteSize(0.8 * find_usable_memory_bytes())


def _check_redis_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_socket = parts.scheme == "unix" and bool(parts.path)
        is_host = parts.scheme in ("redis", "rediss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_socket = is_host = False
    if not is_socket and not is_host:
        raise ValueError("must be redis://HOST:PORT/DB, rediss://HOST:PORT/DB (TLS) or unix:///PATH")
    if parts.password is not None or "password" in parse_qs(parts.query):
        raise ValueError(
            "must not hold a password, which whoever lists processes can read: write it into a file, and "
            "give --redis-password-file"
        )
    return url


def _check_password_file(file: Path | None) -> Path | None:
    if file is not None:
        try:
            known = file.stat()
            password = file.read_text().strip()
        except (OSError, UnicodeError):
            raise ValueError("must be a file of text that this process may read") from None
        # A file of another user, as a container's secret is, reaches this process by its group.
        own = known.st_uid == os.geteuid()
        for_others = stat.S_IRWXO | (stat.S_IRWXG if own else 0)
        if known.st_mode & for_others:
            raise ValueError(f"must be a file that others cannot read: chmod {'600' if own else 'o='} {file}")
        if not password:
            raise ValueError("must be a file that holds a password, this one is empty")
    return file


class StoreSettings(ProgramSettings):
    """Where the vectors are kept: for the clusterer, and for workers that read them."""

    redis_url: Annotated[str, AfterValidator(_check_redis_url)] = Field(
        "redis://127.0.0.1:6379/0",
        repr=False,
        description="Redis 7 or newer, or Valkey: redis://HOST:PORT/DB, rediss://HOST:PORT/DB (TLS; "
        "?ssl_ca_certs=FILE names its authority) or unix:///PATH",
    )
    redis_password_file: Annotated[Path | None, AfterValidator(_check_password_file)] = Field(
        None, description="File that holds the password of Redis"
    )
    redis_timeout_seconds: float = Field(
        5.0,
        gt=0,
        le=300,
        description="Longest wait for an answer of Redis, in seconds; for a connection at most 2",
    )

    @property
    def vector_place(self) -> VectorPlace:
        """Where the vectors are kept."""
        return VectorPlace(self.redis_url, self.redis_password_file, self.redis_timeout_seconds)

    def read_redis_password(self) -> str | None:
        """Reads the password of Redis from its file; None if none was given."""
        return self.redis_password_file.read_text().strip() if self.redis_password_file else None


class Settings(ServerSettings, StoreSettings):
    """Caches feature vectors in Redis, clusters them and scores the clusters, over gRPC.

    Each flag can be set by the environment variable in brackets as well; a flag goes first.
    """

    model_config = SettingsConfigDict(
        cli_prog_name="octcluster-clusterer", env_prefix="OCTCLUSTER_CLUSTERER_"
    )

    listen: Listen = "127.0.0.1:50052"
    vector_writers: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_names)] = Field(
        (),
        description="Names of --token-file, or of certificates, that may store vectors, separated by commas; "
        "all may unless set",
    )
    max_keys_per_message: int = Field(8192, ge=1, description="Most image keys or vectors in one message")
    max_members: int = Field(2_000_000, ge=1, description="Most members (images) of a run")
    memory_limit: ByteSize = Field(
        default_factory=_find_memory_limit,
        ge=2**28,
        description="Most memory of this process, in bytes or as in 3GB or 2.5GiB: a run that would need "
        "more is refused; 80% of the machine's memory, or of the container's, if not set",
    )
    max_queued_runs: int = Field(16, ge=1, description="Most runs that wait; one more is at work")
    run_ttl_seconds: int = Field(
        7 * 24 * 3600, ge=1, description="How long Redis keeps a run after its end, in seconds"
    )
