"""What can be set, each by a flag or an environment variable, and what it is when it is not set."""

import os
import stat
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import parse_qs, parse_qsl, urlsplit

from octcluster_serving.addresses import check_tcp_address, is_local
from octcluster_serving.settings import ExistingFile, Listen, ProgramSettings, ServerSettings, split_names
from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from octcluster_clusterer.engine.scheduler_place import SchedulerPlace
from octcluster_clusterer.memory import find_usable_memory_bytes
from octcluster_clusterer.store.opening import VectorPlace

_S3_OPTIONS = {"endpoint_override", "scheme", "region"}
_STORE_URL_FORM = (
    "must be file:///FOLDER, or s3://BUCKET/PREFIX, to which ?endpoint_override=HOST:PORT, &scheme=http and "
    "&region=REGION may be added"
)


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


def _check_store_url(url: str | None) -> str | None:
    """Takes the URL of a place of Parquet files. It may hold a secret, so no message quotes it."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        has_user = "@" in parts.netloc
    except ValueError:
        raise ValueError(_STORE_URL_FORM) from None
    if has_user or {"access_key", "secret_key", "session_token"} & options.keys():
        raise ValueError(
            "must hold no keys, which whoever lists processes can read: give AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY in the environment, or a file as AWS's programs read it"
        )
    is_folder = parts.scheme == "file" and not parts.netloc and parts.path.strip("/") and not options
    is_bucket = parts.scheme == "s3" and parts.netloc and options.keys() <= _S3_OPTIONS
    is_scheme = options.get("scheme", "https") in ("http", "https")
    if not (is_folder or is_bucket) or not is_scheme or parts.fragment:
        raise ValueError(_STORE_URL_FORM)
    return url


def _check_scheduler(address: str) -> str:
    protocol, _, rest = address.partition("://")
    try:
        if protocol in ("tls", "tcp"):
            check_tcp_address(rest)
            return address
    except ValueError:
        pass
    raise ValueError("must be tls://HOST:PORT, or tcp://HOST:PORT for a scheduler of this machine")


SchedulerAddress = Annotated[str, AfterValidator(_check_scheduler)]
"""Where a Dask scheduler is."""


def check_dask_security(
    files: Sequence[Path | None], *, is_open: bool, insecure: bool, flags: str, needs_files: bool = False
) -> None:
    """Checks that whoever speaks with a part of a Dask cluster must show a certificate.

    Args:
        files: Authority, certificate and key, None for what is not given.
        is_open: Whether other machines would be spoken to in plain text.
        insecure: Whether that is allowed.
        flags: The flags of the files, for people.
        needs_files: Whether the address asks for TLS.

    Raises:
        ValueError: It is not so; the message says what to do.
    """
    given = sum(file is not None for file in files)
    if given not in (0, len(files)) or (needs_files and not given):
        raise ValueError(f"{flags} need each other, and tls:// needs them: give all, or none")
    if is_open and not insecure:
        raise ValueError(
            "in plain text, anybody who reaches the Dask cluster could run code in it: give "
            f"{flags}, or stay on 127.0.0.1; in a closed network that you trust, --insecure allows it"
        )


class StoreSettings(ProgramSettings):
    """Where the vectors are kept: for the clusterer, and for workers that read them."""

    store: Literal["redis", "parquet"] = Field(
        "redis",
        description="Where vectors are kept: redis holds them in its memory; parquet keeps them in files at "
        "--store-url, for more images than fit there. Runs are in Redis in both cases",
    )
    store_url: Annotated[str | None, AfterValidator(_check_store_url)] = Field(
        None,
        repr=False,
        description="For --store parquet: file:///FOLDER, or s3://BUCKET/PREFIX; for other services than AWS "
        "with ?endpoint_override=HOST:PORT&scheme=http&region=REGION. Keys are read as AWS's programs do: "
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ~/.aws/credentials",
    )
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
        description="Longest wait for an answer of Redis or S3, in seconds; for a connection at most 2",
    )

    @property
    def vector_place(self) -> VectorPlace:
        """Where the vectors are kept."""
        if self.store_url is not None:
            return VectorPlace(self.store_url, timeout_seconds=self.redis_timeout_seconds)
        return VectorPlace(self.redis_url, self.redis_password_file, self.redis_timeout_seconds)

    @model_validator(mode="after")
    def _check_store(self) -> Self:
        if self.store == "redis" and self.store_url is not None:
            raise ValueError("--store-url is for --store parquet: give that as well, or leave the URL out")
        if self.store == "parquet" and self.store_url is None:
            raise ValueError(f"--store parquet needs --store-url, which {_STORE_URL_FORM}")
        if self.store == "parquet" and find_spec("pyarrow") is None:
            raise ValueError(
                "--store parquet needs pyarrow, which is not installed: "
                "pip install 'octcluster-clusterer[parquet]'"
            )
        return self

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
    engine: Literal["local", "dask"] = Field(
        "local",
        description="What works on the vectors as they come: this process, or the workers of a Dask cluster",
    )
    dask_scheduler: SchedulerAddress | None = Field(
        None,
        description="The scheduler of --engine dask: tls://HOST:PORT, or tcp://HOST:PORT on this machine",
    )
    dask_ca: ExistingFile | None = Field(
        None, description="Authority of the certificates of the Dask cluster, PEM"
    )
    dask_cert: ExistingFile | None = Field(None, description="Certificate for the Dask cluster, PEM")
    dask_key: ExistingFile | None = Field(None, description="Private key of --dask-cert, PEM, not locked")
    max_keys_per_message: int = Field(8192, ge=1, description="Most image keys or vectors in one message")
    max_members: int = Field(2_000_000, ge=1, description="Most members (images) of a run")
    memory_limit: ByteSize = Field(
        default_factory=_find_memory_limit,
        ge=2**28,
        description="Most memory of this process, in bytes or as in 3GB or 2.5GiB: a run that would need "
        "more is refused; 80% of the machine's memory, or of the container's, if not set",
    )
    compact_store: bool = Field(
        False,
        description="Start nothing: merge the files at --store-url into as few as can be, and exit; servers "
        "may be at work there, and merge by themselves what grows",
    )
    max_queued_runs: int = Field(16, ge=1, description="Most runs that wait; one more is at work")
    run_ttl_seconds: int = Field(
        7 * 24 * 3600, ge=1, description="How long Redis keeps a run after its end, in seconds"
    )

    @property
    def scheduler_place(self) -> SchedulerPlace | None:
        """Where the scheduler of the Dask cluster is; None: this process does all the work."""
        if self.engine == "local" or self.dask_scheduler is None:
            return None
        return SchedulerPlace(self.dask_scheduler, self.dask_ca, self.dask_cert, self.dask_key)

    @property
    def starts_server(self) -> bool:
        """Whether the program is to serve, and not to do something else and end."""
        return super().starts_server and not self.compact_store

    @model_validator(mode="after")
    def _check_compact(self) -> Self:
        if self.compact_store and self.store != "parquet":
            raise ValueError("--compact-store needs --store parquet and --store-url")
        return self

    @model_validator(mode="after")
    def _check_engine(self) -> Self:
        if (self.engine == "dask") != (self.dask_scheduler is not None):
            raise ValueError("--engine dask and --dask-scheduler need each other: give both, or none")
        if self.engine == "dask" and find_spec("distributed") is None:
            raise ValueError(
                "--engine dask needs distributed, which is not installed: "
                "pip install 'octcluster-clusterer[dask]'"
            )
        if self.dask_scheduler is not None:
            protocol, _, address = self.dask_scheduler.partition("://")
            check_dask_security(
                (self.dask_ca, self.dask_cert, self.dask_key),
                is_open=protocol == "tcp" and not is_local(address),
                insecure=self.insecure,
                flags="--dask-ca, --dask-cert and --dask-key",
                needs_files=protocol == "tls",
            )
        return self
