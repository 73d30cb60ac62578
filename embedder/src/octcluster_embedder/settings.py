"""What can be set, each by a flag or an environment variable, and what it is when it is not set."""

import os
import re
import sys
from argparse import Action, ArgumentParser
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, CliSettingsSource, NoDecode, SettingsConfigDict

from octcluster_embedder.serving.addresses import check_address, check_tcp_address, is_local

_PROGRAM = "octcluster-embedder"
_ENVIRONMENT_PREFIX = "OCTCLUSTER_EMBEDDER_"
_MEBIBYTE = 2**20
# Room in a message besides one image: its id, its length, the model's name.
_BYTES_BESIDE_AN_IMAGE = 4096


def _split_names(names: object) -> object:
    return tuple(name.strip() for name in names.split(",")) if isinstance(names, str) else names


def _check_models(names: tuple[str, ...]) -> tuple[str, ...]:
    # Imported here: it brings NumPy and Pillow, which a health check every few seconds does without.
    from octcluster_embedder.models.registry import MODELS  # noqa: PLC0415

    unknown = [name for name in names if name not in MODELS]
    if unknown or not names:
        raise ValueError(
            f"{', '.join(map(repr, unknown)) or 'nothing'} is no model; there are {', '.join(MODELS)}"
        )
    if len(set(names)) < len(names):
        raise ValueError("names a model twice")
    return names


def _check_file(file: Path | None) -> Path | None:
    if file is not None and not file.is_file():
        raise ValueError("must be a file that is there")
    return file


def _default_otlp_endpoint() -> str | None:
    return os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None


def _default_cache_dir() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "octcluster" / "models"


def _default_keras_home() -> Path:
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


class Settings(BaseSettings):
    """Turns OCT images into feature vectors of pretrained networks, over gRPC.

    Each flag can be set by the environment variable in brackets as well; a flag goes first.
    """

    model_config = SettingsConfigDict(
        env_prefix=_ENVIRONMENT_PREFIX,
        env_ignore_empty=True,
        validate_default=False,
        cli_prog_name=_PROGRAM,
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
    )

    listen: Annotated[str, AfterValidator(check_address)] = Field(
        "127.0.0.1:50051", description="Address to serve on: HOST:PORT, or unix:/PATH for a Unix socket"
    )
    models: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(_split_names), AfterValidator(_check_models)
    ] = Field(
        ("efficientnet-lite0",),
        description="Models to serve, separated by commas or each with its flag; the first is the default",
    )
    weights: Annotated[Path | None, AfterValidator(_check_file)] = Field(
        None,
        description="File with the model's weights, instead of those that it comes with or downloads; needs "
        "exactly one model",
    )
    weights_sha256: str | None = Field(
        None,
        pattern=r"^[0-9a-fA-F]{64}$",
        description="What the SHA-256 of the weights must be, 64 hexadecimal digits; needs exactly one model",
    )
    runtime: Literal["auto", "openvino", "tensorflow"] = Field(
        "auto", description="What computes; auto: tensorflow where it sees a GPU, else openvino"
    )
    precision: Literal["float32", "mixed-bfloat16", "mixed-float16"] = Field(
        "float32",
        description="What networks compute in, with TensorFlow; the mixed ones are faster on GPUs, and their "
        "vectors are cached apart, for they are others",
    )
    cache_dir: Path = Field(_default_cache_dir(), description="Folder for converted models, made if need be")
    keras_home: Path = Field(
        _default_keras_home(),
        description="Folder of Keras: published weights are looked for, and downloaded to, models/ in it",
    )
    max_image_bytes: int = Field(32 * _MEBIBYTE, ge=1, description="Largest encoded image, in bytes")
    max_image_pixels: int = Field(
        64_000_000, ge=16 * 16, description="Largest decoded image, width x height, in pixels"
    )
    max_images_per_request: int = Field(64, ge=1, description="Most images in one request or stream message")
    max_message_bytes: int = Field(
        64 * _MEBIBYTE,
        ge=_MEBIBYTE,
        le=2**31 - 1,
        description="Largest message in either direction, in bytes; must hold at least one largest image",
    )
    max_queued_images: int = Field(
        1024,
        ge=1,
        description="Most images of all calls that wait or are in work: further requests are refused and told"
        " when to come again, streams are held back; must hold 4 largest requests",
    )
    max_queued_bytes: int = Field(
        256 * _MEBIBYTE, ge=1, description="The same in encoded bytes; must hold 4 largest messages"
    )
    max_streams_per_connection: int = Field(
        100, ge=1, le=2**31 - 1, description="Most calls at a time on one connection; further ones wait"
    )
    max_connection_age_seconds: float = Field(
        1800,
        ge=1,
        le=10**6,
        description="Age at which a connection gets no new calls, in seconds, so that clients connect anew "
        "and find servers that were added; calls under way have 11 minutes more",
    )
    insecure: bool = Field(
        False,
        description="Serve without TLS, or to everybody, also beyond this machine: for closed networks alone",
    )
    tls_cert: Annotated[Path | None, AfterValidator(_check_file)] = Field(
        None, description="The server's certificate and those between it and its authority, PEM; turns TLS on"
    )
    tls_key: Annotated[Path | None, AfterValidator(_check_file)] = Field(
        None, description="Private key of --tls-cert, PEM, not locked"
    )
    tls_client_ca: Annotated[Path | None, AfterValidator(_check_file)] = Field(
        None,
        description="Authorities of the clients' certificates, PEM; without such a one, no client gets in",
    )
    token_file: Annotated[Path | None, AfterValidator(_check_file)] = Field(
        None, description="File with the token that clients must show; at least 16 characters"
    )
    decode_threads: int = Field(
        os.cpu_count() or 1, ge=1, le=1024, description="Images decoded at a time; one a core unless set"
    )
    reflection: bool = Field(False, description="Serve gRPC reflection, for tools such as grpcurl")
    grace_seconds: float = Field(
        30.0, ge=0, description="How long accepted work may go on after SIGTERM, in seconds"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least important kind of event that is logged"
    )
    log_format: Literal["text", "json"] = Field("text", description="Lines for people, or JSON objects")
    metrics_listen: Annotated[str, AfterValidator(check_tcp_address)] | None = Field(
        None, description="Address, HOST:PORT, to serve Prometheus metrics on; off unless set"
    )
    otlp_endpoint: str | None = Field(
        _default_otlp_endpoint(),
        description="Collector of OpenTelemetry traces (OTLP over gRPC), for example http://127.0.0.1:4317; "
        "default: the variable OTEL_EXPORTER_OTLP_ENDPOINT; off unless set",
    )
    prepare_only: bool = Field(
        False, description="Convert the models into the cache and exit; for building container images"
    )
    check_weights: bool = Field(
        False,
        description="Start nothing: print, one JSON object a line, for each of --models the SHA-256 of its "
        "weights, or why it has none on this machine; downloads nothing",
    )
    check_health: bool = Field(
        False,
        description="Start nothing: ask the server at --listen for its health, and exit with 0 if it serves, "
        "else with 1",
    )

    @model_validator(mode="after")
    def _check_together(self) -> "Settings":
        for flag, value in (("--weights", self.weights), ("--weights-sha256", self.weights_sha256)):
            if value is not None and len(self.models) != 1:
                raise ValueError(f"{flag} needs exactly one model, and --models names {len(self.models)}")
        if self.max_message_bytes < self.max_image_bytes + _BYTES_BESIDE_AN_IMAGE:
            raise ValueError(
                f"--max-message-bytes ({self.max_message_bytes:,}) must hold one image of --max-image-bytes "
                f"({self.max_image_bytes:,}) and {_BYTES_BESIDE_AN_IMAGE:,} bytes around it"
            )
        self._check_room()
        return self

    def _check_room(self) -> None:
        # A quarter of the room is what streams leave to large requests, and those to small ones.
        if self.max_queued_images < 4 * self.max_images_per_request:
            raise ValueError(
                f"--max-queued-images ({self.max_queued_images:,}) must be at least 4 times "
                f"--max-images-per-request ({self.max_images_per_request:,})"
            )
        if self.max_queued_bytes < 4 * self.max_message_bytes:
            raise ValueError(
                f"--max-queued-bytes ({self.max_queued_bytes:,}) must be at least 4 times "
                f"--max-message-bytes ({self.max_message_bytes:,})"
            )

    @model_validator(mode="after")
    def _check_safe(self) -> "Settings":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("--tls-cert and --tls-key need each other: give both, or none")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ValueError("--tls-client-ca needs TLS: give --tls-cert and --tls-key as well")
        if self.tls_cert is not None and self.listen.startswith("unix:"):
            raise ValueError("--tls-cert is for TCP: a Unix socket cannot be overheard, leave it out")
        if self.insecure or self.check_health or self.check_weights or self.prepare_only:
            return self
        if not is_local(self.listen):
            if self.tls_cert is None:
                raise ValueError(
                    f"--listen {self.listen} can be reached from other machines, and images would travel "
                    "there unencrypted: give --tls-cert and --tls-key, or listen on 127.0.0.1; in a closed "
                    "network that you trust, --insecure allows it"
                )
            if self.tls_client_ca is None and self.token_file is None:
                raise ValueError(
                    f"--listen {self.listen} can be reached from other machines, and anybody there could "
                    "send images: give --token-file or --tls-client-ca; in a closed network that you trust, "
                    "--insecure allows it"
                )
        if self.metrics_listen is not None and self.tls_cert is None and not is_local(self.metrics_listen):
            raise ValueError(
                f"--metrics-listen {self.metrics_listen} can be reached from other machines, unencrypted: "
                "give --tls-cert and --tls-key, which it uses as well, or 127.0.0.1 as its host; in a closed "
                "network that you trust, --insecure allows it"
            )
        return self


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
    text = options["help"].replace(" (default: None)", "")
    options["help"] = re.sub(r"\(default: \('(.*?)',?\)\)", lambda names: _show_names(names[1]), text)
    return parser.add_argument(*names, **options)


def _show_names(names: str) -> str:
    """A default of several names as it is written on the command line, not as Python's."""
    return f"(default: {names.replace(chr(39), '').replace(' ', '')})"


def _refuse(error: ValidationError) -> NoReturn:
    for fault in error.errors():
        reason = fault["msg"].removeprefix("Value error, ")
        if fault["loc"]:
            name = str(fault["loc"][0])
            flag = name.replace("_", "-")
            reason = f"--{flag} ({_ENVIRONMENT_PREFIX}{name.upper()}): {reason[:1].lower()}{reason[1:]}"
        print(f"{_PROGRAM}: {reason}", file=sys.stderr)
    sys.exit(2)
