"""What can be set, each by a flag or an environment variable, and what it is when it is not set."""

import re
import stat
from pathlib import Path
from typing import Annotated, Literal, Self

from octcluster_serving.addresses import check_tcp_address, is_local
from octcluster_serving.settings import ExistingFile, ProgramSettings, TlsFiles
from pydantic import AfterValidator, ByteSize, Field, model_validator
from pydantic_settings import CliPositionalArg, SettingsConfigDict

from octcluster_gateway.outgoing_settings import OutgoingSettings
from octcluster_gateway.receiving.peers import Peer, parse_peers
from octcluster_gateway.web_settings import WebSettings

PREFIX = "OCTCLUSTER_GATEWAY_"
_FEWEST_SECRET_BYTES = 32
_KEY_BYTES = 32


def _check_ae_title(text: str) -> str:
    if not 1 <= len(text.strip()) <= 16 or "\\" in text or not text.isascii() or not text.isprintable():
        raise ValueError("must be 1 to 16 printable ASCII characters without a backslash")
    return text.strip()


def _check_peers(text: str) -> str:
    parse_peers(text)
    return text


def _check_secret(file: Path) -> Path:
    try:
        mode, content = file.stat().st_mode, file.read_bytes()
    except OSError:
        raise ValueError("must be a file that this process may read") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ValueError(f"must be a file that others cannot read: chmod 600 {file}")
    if len(content.strip()) < _FEWEST_SECRET_BYTES:
        raise ValueError(
            f"must be a file with at least {_FEWEST_SECRET_BYTES} bytes: openssl rand -hex 32 > {file}"
        )
    return file


def _check_run(path: Path) -> Path:
    if not path.exists():
        raise ValueError("must be the folder that 'octcluster run' wrote, or its model.npz")
    return path


SecretFile = Annotated[Path, AfterValidator(_check_secret)]
"""A file with a secret, which this process alone may read."""


def _check_key(file: Path) -> Path:
    read_key(file)
    return file


def read_key(file: Path) -> bytes:
    """Reads a key of 32 bytes.

    Raises:
        ValueError: The file holds none.
    """
    try:
        key = bytes.fromhex(file.read_text("ascii"))
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ValueError(f"must be a file with 64 hexadecimal digits: openssl rand -hex 32 > {file}")
    return key


KeyFile = Annotated[SecretFile, AfterValidator(_check_key)]
"""A file with a key, which this process alone may read."""


def _check_noted(text: str | None) -> str | None:
    if text is not None and re.fullmatch(r"\d+:[0-9a-f]{64}", text) is None:
        raise ValueError("must be LINES:DIGEST, as 'audit verify' prints it")
    return text


class SpoolSettings(ProgramSettings):
    """Settings of every command that works on the spool.

    Each flag can be set by the environment variable in brackets as well; a flag goes first.
    """

    model_config = SettingsConfigDict(cli_prog_name="octcluster-gateway", env_prefix=PREFIX)

    spool: Path = Field(description="Folder of the spool: a local disk that only the gateway's user may read")
    audit_log: Path | None = Field(
        None, description="File of the audit log; unless set, audit.jsonl in the folder of the spool"
    )

    @property
    def audit_file(self) -> Path:
        """The file of the audit log."""
        return self.audit_log or self.spool / "audit.jsonl"


class AuditSettings(ProgramSettings):
    """Checks that no line of an audit log was changed, added or removed since it was written.

    Prints how many lines there are, and the digest of the last one: note both elsewhere for the next time.
    """

    model_config = SettingsConfigDict(cli_prog_name="octcluster-gateway audit verify", env_prefix=PREFIX)

    file: CliPositionalArg[Path] = Field(description="The audit log: audit.jsonl in the folder of the spool")
    noted: Annotated[str | None, AfterValidator(_check_noted)] = Field(
        None, description="What an earlier check printed, LINES:DIGEST; the log must still hold that line"
    )


class MapSettings(SpoolSettings):
    """Settings of commands that use the map from pseudonyms to patients."""

    map_key_file: KeyFile = Field(
        description="File with the key of the map from pseudonyms to patients: 64 hexadecimal digits"
    )

    def read_map_key(self) -> bytes:
        """Reads the key of the identity map."""
        return read_key(self.map_key_file)


class ReidentifySettings(MapSettings):
    """Tells who is behind pseudonyms. Each use goes into the audit log, with the user's name.

    Each flag can be set by the environment variable in brackets as well; a flag goes first.
    """

    pseudonyms: CliPositionalArg[list[str]] = Field(description="Pseudonyms of patients or of studies")


class EraseSettings(MapSettings):
    """Removes all that the gateway holds of a patient. The gateway must be stopped meanwhile.

    Each flag can be set by the environment variable in brackets as well; a flag goes first.
    """

    patient: CliPositionalArg[str] = Field(
        description="The Patient ID as the objects have it; -: read it from standard input, so that it does "
        "not show in the list of processes"
    )
    issuer: str = Field("", description="Issuer of the Patient ID, if the objects name one")
    results: Path = Field(description="Folder of the results")
    secret_file: SecretFile = Field(description="File with the site's secret")


class QuarantineSettings(SpoolSettings):
    """Names objects of the quarantine by the numbers that 'quarantine list' tells."""

    numbers: CliPositionalArg[list[int]] = Field([], description="Numbers of objects")


class ServeSettings(WebSettings, OutgoingSettings, SpoolSettings):
    """Receives objects by DICOM, and puts each eye into the clusters of a run; for research use only.

    Each flag can be set by the environment variable in brackets as well; a flag goes first.
    """

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
    embedder: str = Field("127.0.0.1:50051", description="Address of the embedder, or several with commas")
    embedder_token_file: ExistingFile | None = Field(None, description="File with the embedder's token")
    clusterer: str = Field("127.0.0.1:50052", description="Address of the clusterer")
    clusterer_token_file: ExistingFile | None = Field(None, description="File with the clusterer's token")
    services_ca: ExistingFile | None = Field(
        None, description="Authority of the certificates of both services, PEM; turns TLS to them on"
    )
    services_cert: ExistingFile | None = Field(None, description="The gateway's certificate for them, PEM")
    services_key: ExistingFile | None = Field(None, description="Private key of --services-cert, PEM")
    tls_cert: ExistingFile | None = Field(
        None, description="The gateway's certificate for DICOM and metrics, PEM; turns TLS on"
    )
    tls_key: ExistingFile | None = Field(None, description="Private key of --tls-cert, PEM, not locked")
    tls_client_ca: ExistingFile | None = Field(
        None, description="Authorities of the peers' certificates, PEM; without such a one, no peer gets in"
    )
    max_connections: int = Field(64, ge=1, le=500, description="Most connections of peers at a time")
    timeout_seconds: float = Field(
        30.0,
        gt=0,
        le=3600,
        description="Longest time for a TLS handshake, for an answer, and for one PDU, in seconds",
    )
    max_pdu_bytes: int = Field(2**18, ge=2**12, le=2**24, description="Largest PDU that peers may send")
    max_object_bytes: ByteSize = Field(
        ByteSize(4 * 2**30),
        ge=2**20,
        description="Largest object, in bytes or as in 4GiB; larger ones are refused",
    )
    min_free_bytes: ByteSize = Field(
        ByteSize(2 * 2**30),
        ge=2**20,
        description="What stays free on the disk of the spool, in bytes or as in 2GiB",
    )
    keep_processed_days: float = Field(
        0.0, ge=0, description="How long the files of processed objects stay in the spool, in days"
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
        if (self.services_cert is None) != (self.services_key is None):
            raise ValueError("--services-cert and --services-key need each other: give both, or none")
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
