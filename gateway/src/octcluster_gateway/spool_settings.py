"""What can be set of the spool, for all commands that work on it."""

from argparse import ArgumentParser
from pathlib import Path
from typing import ClassVar

from octcluster.cli.suggesting_parser import SuggestingParser
from octcluster_serving.settings import ProgramSettings
from pydantic import ByteSize, Field
from pydantic_settings import SettingsConfigDict

from octcluster_gateway.secret_files import KeyFile, read_key

PREFIX = "OCTCLUSTER_GATEWAY_"


def name_command(command: str) -> SettingsConfigDict:
    """The configuration of the settings of a command: its help begins with its name."""
    return SettingsConfigDict(cli_prog_name=f"octcluster-gateway {command}", env_prefix=PREFIX)


class CommandSettings(ProgramSettings):
    """Settings of every command."""

    parser_class: ClassVar[type[ArgumentParser]] = SuggestingParser


class SpoolSettings(CommandSettings):
    """Settings of every command that works on the spool."""

    spool: Path = Field(description="Folder of the spool: a local disk that only the gateway's user may read")
    audit_log: Path | None = Field(
        None, description="File of the audit log; unless set, audit.jsonl in the folder of the spool"
    )

    @property
    def audit_file(self) -> Path:
        """The file of the audit log."""
        return self.audit_log or self.spool / "audit.jsonl"


class MapSettings(SpoolSettings):
    """Settings of commands that use the map from pseudonyms to patients."""

    map_key_file: KeyFile = Field(
        description="File with the key of the map from pseudonyms to patients: 64 hexadecimal digits"
    )

    def read_map_key(self) -> bytes:
        """Reads the key of the identity map."""
        return read_key(self.map_key_file)


class ReceiveSettings(SpoolSettings):
    """Settings of what the spool takes."""

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
    timeout_seconds: float = Field(
        30.0,
        gt=0,
        le=3600,
        description="Longest time for a TLS handshake, for an answer, and for one PDU, in seconds",
    )
