"""What can be set of what goes out: structured reports to a PACS, audit messages to a collector."""

import re
from typing import Annotated, Self

from octcluster_serving.addresses import check_tcp_address, is_local
from octcluster_serving.settings import ExistingFile, ProgramSettings
from pydantic import AfterValidator, Field, model_validator


def check_destination(text: str) -> str:
    """Checks a destination of DICOM objects: its AE title and its address."""
    ae_title, separator, address = text.rpartition("@")
    if not separator or re.fullmatch(r"[!-~]{1,16}", ae_title) is None or "\\" in ae_title:
        raise ValueError("must be AE@HOST:PORT")
    check_tcp_address(address)
    return text


class OutgoingSettings(ProgramSettings):
    """Settings of what goes out."""

    reports_to: Annotated[str, AfterValidator(check_destination)] | None = Field(
        None,
        description="PACS that gets a structured report of each result, AE@HOST:PORT; the report names the "
        "patient as the object does; off unless set",
    )
    reports_ca: ExistingFile | None = Field(
        None, description="Authority of the certificate of --reports-to, PEM; turns TLS to it on"
    )
    syslog: Annotated[str, AfterValidator(check_tcp_address)] | None = Field(
        None, description="Collector of audit messages, HOST:PORT, by syslog over TLS; off unless set"
    )
    syslog_ca: ExistingFile | None = Field(
        None, description="Authority of the certificate of --syslog, PEM; the public ones unless set"
    )
    insecure: bool = Field(
        False, description="Serve without TLS also beyond this machine: for closed networks alone"
    )

    @model_validator(mode="after")
    def _check_reports_are_secure(self) -> Self:
        if self.reports_to is None or self.reports_ca is not None or self.insecure:
            return self
        if not is_local(self.reports_to.rpartition("@")[2]):
            raise ValueError(
                f"--reports-to {self.reports_to}: patients' names would go there unencrypted; give "
                "--reports-ca, or, in a closed network that you trust, --insecure"
            )
        return self
