"""What can be set, each by a flag or an environment variable, and what it is when it is not set."""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from octcluster_serving.addresses import check_tcp_address, is_local
from octcluster_serving.settings import ExistingFile, TlsFiles
from pydantic import AfterValidator, Field, model_validator

from octcluster_gateway.copy_settings import CopySettings
from octcluster_gateway.outgoing_settings import OutgoingSettings
from octcluster_gateway.receiving.peers import Peer, parse_peers
from octcluster_gateway.secret_files import KeyFile, SecretFile, read_key
from octcluster_gateway.service_settings import ServiceSettings
from octcluster_gateway.spool_settings import ReceiveSettings, name_command
from octcluster_gateway.web_settings import WebSettings


def _check_ae_title(text: str) -> str:
    if not 1 <= len(text.strip()) <= 16 or "\\" in text or not text.isascii() or not text.isprintable():
        raise ValueError("must be 1 to 16 printable ASCII characters without a backslash")
    return text.strip()


def _check_peers(text: str) -> str:
    parse_peers(text)
    return text


def _check_run(path: Path) -> Path:
    if not path.exists():
        raise ValueError("must be the folder that 'octcluster run' wrote, or its model.npz")
    return path


class ServeSettings(WebSettings, OutgoingSettings, CopySettings, ServiceSettings, ReceiveSettings):
    """Receives objects by DICOM, and puts each eye into the clusters of a run; for research use only.

    Each flag can be set by the environment variable in brackets as well; a flag goes first.
    """

    model_config = name_command("serve")

    listen: Annotated[str, AfterValidator(check_tcp_address)] = Field(
        "127.0.0.1:11112", description="Address to serve DICOM on: HOST:PORT"
    )
    ae_title: Annotated[str, AfterValidator(_check_ae_title)] = Field(
        "OCTCLUSTER", description="AE title that peers must call"
    )
    peers: Annotated[str, AfterValidator(_check_peers)] = Field(
        "",
        description="Who may connect: AE@ADDRESS or AE@ADDRESS:PORT, separated by commas; ADDRESS may be a "
        "network such as 10.1.2.0/24, and PORT is where storage commitment is reported; unless set, this "
        "machine alone",
    )
    run: Annotated[Path, AfterValidator(_check_run)] = Field(
        description="The run whose clusters take the eyes: the folder of 'octcluster run', or its model.npz"
    )
    results: Path = Field(description="Folder for results: eyes.jsonl gets a line for each eye of an object")
    secret_file: SecretFile = Field(
        description="File with the site's secret, at least 32 bytes, for the pseudonyms: who loses it cannot "
        "recognize patients any more, who has it can"
    )
    map_key_file: KeyFile = Field(
        description="File with the key of the map from pseudonyms to patients: 64 hexadecimal digits"
    )
    tls_cert: ExistingFile | None = Field(
        None, description="The gateway's certificate for DICOM and metrics, PEM; turns TLS on"
    )
    tls_key: ExistingFile | None = Field(None, description="Private key of --tls-cert, PEM, not locked")
    tls_client_ca: ExistingFile | None = Field(
        None, description="Authorities of the peers' certificates, PEM; without such a one, no peer gets in"
    )
    max_connections: int = Field(64, ge=1, le=500, description="Most connections of peers at a time")
    max_pdu_bytes: int = Field(2**18, ge=2**12, le=2**24, description="Largest PDU that peers may send")
    keep_processed_days: float = Field(
        0.0, ge=0, description="How long the files of processed objects stay in the spool, in days"
    )
    parquet_seconds: float = Field(
        3600,
        ge=0,
        description="How long new results may be missing from the table eyes.parquet, in seconds; 0: make no "
        "table",
    )
    commit_storage: bool = Field(
        False,
        description="Commit to the storage of objects if a device asks, and keep all files for ever; unless "
        "set, the answer is no",
    )
    max_attempts: int = Field(
        30, ge=1, description="How often an object is tried before it goes into quarantine"
    )
    grace_seconds: float = Field(
        30.0, ge=0, le=24 * 3600, description="How long associations may go on after SIGTERM, in seconds"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least important kind of event that is logged"
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

    @property
    def tls(self) -> TlsFiles | None:
        """What DICOM speaks TLS with; None: it speaks plain text."""
        if self.tls_cert is None or self.tls_key is None:
            return None
        return TlsFiles(self.tls_cert, self.tls_key, self.tls_client_ca)

    @property
    def peer_list(self) -> tuple[Peer, ...]:
        """Who may connect."""
        return parse_peers(self.peers)

    def read_secret(self) -> bytes:
        """Reads the site's secret."""
        return self.secret_file.read_bytes().strip()

    def read_map_key(self) -> bytes:
        """Reads the key of the identity map."""
        return read_key(self.map_key_file)

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("--tls-cert and --tls-key need each other: give both, or none")
        if self.tls_client_ca is not None and self.tls is None:
            raise ValueError("--tls-client-ca needs TLS: give --tls-cert and --tls-key as well")
        return self

    @model_validator(mode="after")
    def _check_commitment(self) -> Self:
        if self.commit_storage and self.keep_processed_days:
            raise ValueError("--commit-storage keeps all files, and leaves no use for --keep-processed-days")
        return self

    @model_validator(mode="after")
    def _check_safe(self) -> Self:
        if self.insecure:
            return self
        for flag, address in (
            ("--listen", self.listen),
            ("--stow-listen", self.stow_listen),
            ("--metrics-listen", self.metrics_listen),
        ):
            if address is not None and self.tls is None and not is_local(address):
                raise ValueError(
                    f"{flag} {address} can be reached from other machines, unencrypted: give --tls-cert and "
                    "--tls-key, or listen on 127.0.0.1; in a closed network that you trust, --insecure "
                    "allows it"
                )
        return self
