"""What can be set of DICOM's web services: STOW-RS here, and an archive that is asked."""

from typing import Annotated, Self

from octcluster_serving.addresses import check_tcp_address, is_local
from octcluster_serving.settings import ExistingFile, ProgramSettings
from pydantic import AfterValidator, Field, model_validator


def _check_archive(url: str) -> str:
    protocol, separator, rest = url.partition("://")
    if not separator or protocol not in ("http", "https") or not rest:
        raise ValueError("must be the base of DICOM's web services, such as https://pacs/dicom-web")
    return url.rstrip("/")


ArchiveUrl = Annotated[str, AfterValidator(_check_archive)]
"""The base of an archive's web services."""


class ArchiveSettings(ProgramSettings):
    """Settings of how an archive is asked for new scans."""

    pull_token_file: ExistingFile | None = Field(None, description="File with the token for --pull-url")
    pull_ca: ExistingFile | None = Field(
        None, description="Authority of that archive's certificate, PEM; the public ones unless set"
    )
    pull_days: int = Field(3, ge=1, le=36_500, description="Studies of how many days are asked for")
    insecure: bool = Field(
        False, description="Serve without TLS also beyond this machine: for closed networks alone"
    )


class WebSettings(ArchiveSettings):
    """Settings of DICOM's web services."""

    stow_listen: Annotated[str, AfterValidator(check_tcp_address)] | None = Field(
        None, description="Address, HOST:PORT, to serve STOW-RS on, at /dicom-web/studies; off unless set"
    )
    stow_token_file: ExistingFile | None = Field(
        None, description="File with the token that senders by STOW-RS show, or a name:token a line"
    )
    pull_url: ArchiveUrl | None = Field(
        None,
        description="Base of an archive's QIDO-RS and WADO-RS, such as https://pacs/dicom-web, that is asked "
        "for new ophthalmic tomography; off unless set",
    )
    pull_seconds: float = Field(
        300.0, gt=0, le=86_400, description="How long to wait from one question to the next, in seconds"
    )

    @model_validator(mode="after")
    def _check_archive_is_secure(self) -> Self:
        if self.pull_url is not None:
            check_archive_is_secure(self.pull_url, insecure=self.insecure)
        return self


def check_archive_is_secure(url: str, *, insecure: bool) -> None:
    """Raises ValueError if scans would come unencrypted from another machine."""
    if url.startswith("https://") or insecure:
        return
    host = url.partition("://")[2].partition("/")[0]
    if not is_local(host if ":" in host else f"{host}:80"):
        raise ValueError(
            f"--pull-url {url}: scans would come unencrypted; write https://, or, in a closed network that "
            "you trust, --insecure"
        )
