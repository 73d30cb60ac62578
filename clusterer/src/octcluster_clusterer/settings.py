"""What can be set, each by a flag or an environment variable, and what it is when it is not set."""

import re
import sys
from argparse import Action, ArgumentParser
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn
from urllib.parse import urlsplit

from pydantic import AfterValidator, ByteSize, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, CliSettingsSource, SettingsConfigDict

from octcluster_clusterer.memory import find_usable_memory_bytes

_PROGRAM = "octcluster-clusterer"
_ENVIRONMENT_PREFIX = "OCTCLUSTER_CLUSTERER_"


def _find_memory_limit() -> ByteSize:
    return ByteSize(0.8 * find_usable_memory_bytes())


def _check_address(address: str) -> str:
    if re.fullmatch(r"unix:.+", address):
        return address
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise ValueError("must be HOST:PORT with a port from 1 to 65535, or unix:/PATH")
    return address


def _check_redis_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_socket = parts.scheme == "unix" and bool(parts.path)
        is_host = parts.scheme in ("redis", "rediss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_socket = is_host = False
    if not is_socket and not is_host:
        raise ValueError("must be redis://HOST:PORT/DB, rediss://HOST:PORT/DB (TLS) or unix:///PATH")
    return url


def _check_password_file(file: Path | None) -> Path | None:
    if file is not None:
        try:
            password = file.read_text().strip()
        except (OSError, UnicodeError):
            raise ValueError("must be a file of text that this process may read") from None
        if not password:
            raise ValueError("must be a file that holds a password, this one is empty")
    return file


class Settings(BaseSettings):
    """Caches feature vectors in Redis, clusters them and scores the clusters, over gRPC.

    Each flag can be set by the environment variable in brackets as well; a flag goes first.
    """

    model_config = SettingsConfigDict(
        env_prefix=_ENVIRONMENT_PREFIX,
        env_ignore_empty=True,
        cli_prog_name=_PROGRAM,
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
    )

    listen: Annotated[str, AfterValidator(_check_address)] = Field(
        "127.0.0.1:50052", description="Address to serve on: HOST:PORT, or unix:/PATH for a Unix socket"
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
        description="Longest wait for an answer of Redis, in seconds; for a connection at most 2",
    )
    max_message_bytes: int = Field(
        64 * 2**20, ge=2**20, le=2**31 - 1, description="Largest message in either direction, in bytes"
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
    reflection: bool = Field(False, description="Serve gRPC reflection, for tools such as grpcurl")
    grace_seconds: float = Field(
        30.0,
        ge=0,
        le=24 * 3600,
        description="How long the run at work may go on after SIGTERM, in seconds; then it is stopped",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least important kind of event that is logged"
    )
    check_health: bool = Field(
        False,
        description="Start nothing: ask the server at --listen for its health, and exit with 0 if it serves "
        "and reaches Redis, else with 1",
    )

    @model_validator(mode="after")
    def _check_one_password(self) -> "Settings":
        if self.redis_password_file is not None and urlsplit(self.redis_url).password is not None:
            raise ValueError("--redis-password-file and a password in --redis-url: give one of them")
        return self

    def read_redis_password(self) -> str | None:
        """Reads the password of Redis from its file; None if none was given."""
        return self.redis_password_file.read_text().strip() if self.redis_password_file else None


for _name, _field in Settings.model_fields.items():
    _field.description = f"{_field.description} [{_ENVIRONMENT_PREFIX}{_name.upper()}]"


def load_settings(arguments: list[str] | None = None) -> Settings:
    """Reads the settings: flag before environment before default.

    Args:
        arguments: The command line without the program; None: this process's own.

    Returns:
        The settings. A bad one ends the process with exit code 2 and a line that names it.
    """
    source: CliSettingsSource[ArgumentParser] = CliSettingsSource(
        Settings,
        cli_parse_args=sys.argv[1:] if arguments is None else arguments,
        add_argument_method=_add_argument,
    )
    try:
        return Settings(_cli_settings_source=source)  # type: ignore[call-arg]
    except ValidationError as error:
        _refuse(error)


def _add_argument(parser: ArgumentParser, *names: str, **options: Any) -> Action:
    """Adds a flag whose value is named by the flag, ``BYTES`` say, and not by its Python type."""
    if "metavar" in options and not options["metavar"].startswith("{"):
        options["metavar"] = names[0].partition("-per-")[0].rpartition("-")[2].upper()
    options["help"] = options["help"].replace(" (default: None)", "")
    return parser.add_argument(*names, **options)


def _refuse(error: ValidationError) -> NoReturn:
    for fault in error.errors():
        reason = fault["msg"].removeprefix("Value error, ")
        if fault["loc"]:
            name = str(fault["loc"][0])
            flag = name.replace("_", "-")
            reason = f"--{flag} ({_ENVIRONMENT_PREFIX}{name.upper()}): {reason[:1].lower()}{reason[1:]}"
        print(f"{_PROGRAM}: {reason}", file=sys.stderr)
    sys.exit(2)
