"""What every service can be set to, and the loader: flag before environment before default."""

import os
import re
import sys
from argparse import Action, ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NoReturn, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, CliSettingsSource, SettingsConfigDict

from octcluster_serving.addresses import check_address, check_tcp_address, is_local


def _check_file(file: Path) -> Path:
    if not file.is_file():
        raise ValueError("must be a file that is there")
    return file


ExistingFile = Annotated[Path, AfterValidator(_check_file)]
"""A file that must be there when the server starts."""

Listen = Annotated[
    str,
    AfterValidator(check_address),
    Field(description="Address to serve on: HOST:PORT, or unix:/PATH for a Unix socket"),
]
"""The address of a server; each service has a default of its own."""


def split_names(names: object) -> object:
    """Takes names that are separated by commas apart, for a setting that holds several."""
    return tuple(name.strip() for name in names.split(",")) if isinstance(names, str) else names


@dataclass(frozen=True)
class TlsFiles:
    """What a server needs for TLS, PEM.

    Attributes:
        cert: The server's certificate and those between it and its authority.
        key: Its private key.
        client_ca: Authorities of the clients' certificates; None: clients need none.
    """

    cert: Path
    key: Path
    client_ca: Path | None = None


class ProgramSettings(BaseSettings):
    """Settings of a program, and their loader. Its own class adds its flags, its name and its prefix.

    Attributes:
        parser_class: What parses the command line.
    """

    parser_class: ClassVar[type[ArgumentParser]] = ArgumentParser

    model_config = SettingsConfigDict(
        env_ignore_empty=True,
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
    )

    @classmethod
    def load(cls, arguments: list[str] | None = None) -> Self:
        """Reads the settings: flag before environment before default.

        Args:
            arguments: The command line without the program; None: this process's own.

        Returns:
            The settings. A bad one ends the process with exit code 2 and a line that names it.
        """
        source: CliSettingsSource[ArgumentParser] = CliSettingsSource(
            cls,
            root_parser=cls.parser_class(
                prog=cls.model_config["cli_prog_name"],
                description=cleandoc(cls.__doc__ or ""),
                formatter_class=RawDescriptionHelpFormatter,
                allow_abbrev=False,
            ),
            cli_parse_args=sys.argv[1:] if arguments is None else arguments,
            add_argument_method=partial(_add_argument, cls._variable),
        )
        try:
            return cls(_cli_settings_source=source)  # type: ignore[call-arg]
        except ValidationError as error:
            cls._refuse(error)

    @classmethod
    def _variable(cls, flag: str) -> str:
        """The environment variable that does the same as a flag."""
        return cls.model_config["env_prefix"] + flag.removeprefix("--").replace("-", "_").upper()

    @classmethod
    def _refuse(cls, error: ValidationError) -> NoReturn:
        for fault in error.errors():
            reason = fault["msg"].removeprefix("Value error, ")
            if fault["loc"]:
                flag = "--" + str(fault["loc"][0]).replace("_", "-")
                reason = f"{flag} ({cls._variable(flag)}): {reason[:1].lower()}{reason[1:]}"
            print(f"{cls.model_config['cli_prog_name']}: {reason}", file=sys.stderr)
        sys.exit(2)


class ServerSettings(ProgramSettings):
    """Settings of every service: where it serves, who may use it, and how it tells of its work.

    A service's own class adds its flags, its program's name and its prefix.
    """

    listen: Listen
    max_message_bytes: int = Field(
        64 * 2**20, ge=2**20, le=2**31 - 1, description="Largest message in either direction, in bytes"
    )
    reflection: bool = Field(False, description="Serve gRPC reflection, for tools such as grpcurl")
    grace_seconds: float = Field(
        30.0,
        ge=0,
        le=24 * 3600,
        description="How long accepted work may go on after SIGTERM, in seconds; then it is stopped",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least important kind of event that is logged"
    )
    insecure: bool = Field(
        False,
        description="Serve without TLS, or to everybody, also beyond this machine: for closed networks alone",
    )
    tls_cert: ExistingFile | None = Field(
        None, description="The server's certificate and those between it and its authority, PEM; turns TLS on"
    )
    tls_key: ExistingFile | None = Field(None, description="Private key of --tls-cert, PEM, not locked")
    tls_client_ca: ExistingFile | None = Field(
        None,
        description="Authorities of the clients' certificates, PEM; without such a one, no client gets in",
    )
    certificate_names: bool = Field(
        False,
        description="The common name of a client's certificate says who calls, as names of --token-file do",
    )
    token_file: ExistingFile | None = Field(
        None,
        description="File with the token that clients must show, at least 16 characters, or with lines of "
        "name:token for several clients that are told apart; only its owner may be able to read it",
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
    log_format: Literal["text", "json"] = Field("text", description="Lines for people, or JSON objects")
    metrics_listen: Annotated[str, AfterValidator(check_tcp_address)] | None = Field(
        None, description="Address, HOST:PORT, to serve Prometheus metrics on; off unless set"
    )
    otlp_endpoint: str | None = Field(
        os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None,
        description="Collector of OpenTelemetry traces (OTLP over gRPC), for example http://127.0.0.1:4317; "
        "default: the variable OTEL_EXPORTER_OTLP_ENDPOINT; off unless set",
    )
    check_health: bool = Field(
        False,
        description="Start nothing: ask the server at --listen for its health, and exit with 0 if it serves, "
        "else with 1",
    )

    @property
    def tls(self) -> TlsFiles | None:
        """What the server speaks TLS with; None: it speaks plain text."""
        if self.tls_cert is None or self.tls_key is None:
            return None
        return TlsFiles(self.tls_cert, self.tls_key, self.tls_client_ca)

    @property
    def starts_server(self) -> bool:
        """Whether the program is to serve, and not to do something else and end."""
        return not self.check_health

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("--tls-cert and --tls-key need each other: give both, or none")
        if self.tls_client_ca is not None and self.tls is None:
            raise ValueError("--tls-client-ca needs TLS: give --tls-cert and --tls-key as well")
        if self.certificate_names and (self.tls_client_ca is None or self.token_file is not None):
            raise ValueError("--certificate-names needs --tls-client-ca, and leaves no use for --token-file")
        if self.tls is not None and self.listen.startswith("unix:"):
            raise ValueError("--tls-cert is for TCP: a Unix socket cannot be overheard, leave it out")
        return self

    @model_validator(mode="after")
    def _check_safe(self) -> Self:
        if self.insecure or not self.starts_server:
            return self
        if not is_local(self.listen):
            reached = f"--listen {self.listen} can be reached from other machines, and "
            if self.tls is None:
                raise ValueError(
                    f"{reached}what clients send would travel there unencrypted: give --tls-cert and "
                    "--tls-key, or listen on 127.0.0.1; in a closed network that you trust, --insecure "
                    "allows it"
                )
            if self.tls_client_ca is None and self.token_file is None:
                raise ValueError(
                    f"{reached}anybody there could use the server: give --token-file or --tls-client-ca; in "
                    "a closed network that you trust, --insecure allows it"
                )
        if self.metrics_listen is not None and self.tls is None and not is_local(self.metrics_listen):
            raise ValueError(
                f"--metrics-listen {self.metrics_listen} can be reached from other machines, unencrypted: "
                "give --tls-cert and --tls-key, which it uses as well, or 127.0.0.1 as its host; in a closed "
                "network that you trust, --insecure allows it"
            )
        return self


def _add_argument(
    variable: Callable[[str], str], parser: ArgumentParser, *names: str, **options: Any
) -> Action:
    """Adds a flag with its variable; the flag names its value, ``BYTES`` say, and not the Python type."""
    if "metavar" in options and not options["metavar"].startswith("{"):
        options["metavar"] = names[0].partition("-per-")[0].rpartition("-")[2].upper()
    # Where there is no constant default, the description says what is taken.
    text = re.sub(r" \(default: None\)| \(default factory: [^)]*\)", "", options["help"])
    text = re.sub(r"\(default: \('(.*?)',?\)\)", lambda names: _show_names(names[1]), text)
    told = f" [{variable(names[0])}]" if names[0].startswith("--") else ""
    return parser.add_argument(*names, **options | {"help": text + told})


def _show_names(names: str) -> str:
    """A default of several names as it is written on the command line, not as Python's."""
    return f"(default: {names.replace(chr(39), '').replace(' ', '')})"
