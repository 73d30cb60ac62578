"""What can be set of the commands beside ``serve``."""

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import CliPositionalArg

from octcluster_gateway.secret_files import KeyFile, SecretFile, read_key
from octcluster_gateway.service_settings import ClustererSettings
from octcluster_gateway.spool_settings import (
    CommandSettings,
    MapSettings,
    ReceiveSettings,
    SpoolSettings,
    name_command,
)
from octcluster_gateway.web_settings import ArchiveSettings, ArchiveUrl, check_archive_is_secure


def _check_noted(text: str | None) -> str | None:
    if text is not None and re.fullmatch(r"\d+:[0-9a-f]{64}", text) is None:
        raise ValueError("must be LINES:DIGEST, as 'audit verify' prints it")
    return text


class AuditSettings(CommandSettings):
    """Checks that no line of an audit log was changed, added or removed since it was written.

    Prints how many lines there are, and the digest of the last one: note both elsewhere for the next time.
    """

    model_config = name_command("audit verify")

    files: CliPositionalArg[list[Path]] = Field(
        description="The audit log: audit.jsonl in the folder of the spool; before it the files that 'audit "
        "rotate' moved away, the oldest first"
    )
    after: Annotated[str | None, AfterValidator(_check_noted)] = Field(
        None, description="What 'audit rotate' printed, LINES:DIGEST, if earlier files are not given"
    )
    noted: Annotated[str | None, AfterValidator(_check_noted)] = Field(
        None, description="What an earlier check printed, LINES:DIGEST; the log must still hold that line"
    )


class RotateSettings(SpoolSettings):
    """Moves the audit log away, and goes on in a new one. The gateway may be serving meanwhile.

    Prints how far the file that is moved away has come: note it for 'audit verify --after'.
    """

    model_config = name_command("audit rotate")

    file: CliPositionalArg[Path] = Field(
        description="Where the log is moved to: a file that is not there yet, on the same disk"
    )


class RekeySettings(MapSettings):
    """Seals the map of identities with another key. The gateway must be stopped meanwhile.

    Each flag can be set by the environment variable in brackets as well; a flag goes first.
    """

    model_config = name_command("rekey")

    new_map_key_file: KeyFile = Field(
        description="File with the key from now on: 64 hexadecimal digits; 'serve' is given it afterwards"
    )

    def read_new_map_key(self) -> bytes:
        """Reads the key of the identity map from now on."""
        return read_key(self.new_map_key_file)


class ReidentifySettings(MapSettings):
    """Tells who is behind pseudonyms. Each use goes into the audit log, with the user's name.

    Each flag can be set by the environment variable in brackets as well; a flag goes first.
    """

    model_config = name_command("reidentify")

    pseudonyms: CliPositionalArg[list[str]] = Field(description="Pseudonyms of patients or of studies")


class EraseSettings(ClustererSettings, MapSettings):
    """Removes all that the gateway holds of a patient, and the vectors in the cache of the clusterer.

    The gateway must be stopped meanwhile, and the clusterer must serve.

    Each flag can be set by the environment variable in brackets as well; a flag goes first.
    """

    model_config = name_command("erase")

    patient: CliPositionalArg[str] = Field(
        description="The Patient ID as the objects have it; -: read it from standard input, so that it does "
        "not show in the list of processes"
    )
    issuer: str = Field("", description="Issuer of the Patient ID, if the objects name one")
    results: Path = Field(description="Folder of the results")
    copies_folder: Path | None = Field(
        None,
        description="Folder of de-identified copies, if 'serve' was given one: those of the patient go, too",
    )
    secret_file: SecretFile = Field(description="File with the site's secret")


class StatusSettings(SpoolSettings):
    """Tells how many objects the spool holds, and in which state, as JSON. The gateway may be serving."""

    model_config = name_command("status")


class ListSettings(SpoolSettings):
    """Lists number and reason of each object that could not be processed. The gateway may be serving."""

    model_config = name_command("quarantine list")


class ShowSettings(SpoolSettings):
    """Tells what is known of objects, with their UIDs, as JSON. The gateway may be serving meanwhile."""

    model_config = name_command("quarantine show")

    numbers: CliPositionalArg[list[int]] = Field(description="Numbers that 'quarantine list' tells")


class RetrySettings(SpoolSettings):
    """Processes objects of the quarantine once more. The gateway may be serving meanwhile."""

    model_config = name_command("quarantine retry")

    numbers: CliPositionalArg[list[int]] = Field(
        [], description="Numbers that 'quarantine list' tells; all objects unless given"
    )


class ParquetSettings(CommandSettings):
    """Writes all results so far as a table. The gateway may be serving meanwhile."""

    model_config = name_command("results parquet")

    results: Path = Field(description="Folder of the results")
    file: CliPositionalArg[Path] = Field(description="The table: a Parquet file, which is replaced")


class PullSettings(ArchiveSettings, ReceiveSettings):
    """Asks an archive once for new ophthalmic tomography, and fetches it. The gateway may be serving.

    Each flag can be set by the environment variable in brackets as well; a flag goes first.
    """

    model_config = name_command("pull")

    pull_url: ArchiveUrl = Field(
        description="Base of the archive's QIDO-RS and WADO-RS, such as https://pacs/dicom-web"
    )

    @model_validator(mode="after")
    def _check_archive_is_secure(self) -> Self:
        check_archive_is_secure(self.pull_url, insecure=self.insecure)
        return self
