"""What can be set of de-identified copies."""

from pathlib import Path
from typing import Annotated, Self

from octcluster_serving.addresses import is_local
from octcluster_serving.settings import ExistingFile, ProgramSettings
from pydantic import AfterValidator, Field, model_validator

from octcluster_gateway.deidentification.profile import Option, Profile
from octcluster_gateway.outgoing_settings import check_destination

_OPTIONS = ", ".join(option.name.lower().replace("_", "-") for option in Option)


def _check_options(text: str) -> str:
    try:
        _parse_profile(text)
    except KeyError:
        raise ValueError(f"must be some of {_OPTIONS}, separated by commas") from None
    return text


def _parse_profile(text: str) -> Profile:
    return Profile.with_options(_split(text))


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


class CopySettings(ProgramSettings):
    """Settings of de-identified copies."""

    copies_folder: Path | None = Field(
        None,
        description="Folder that gets a de-identified copy of each object that was processed; off unless set",
    )
    copies_to: Annotated[str, AfterValidator(check_destination)] | None = Field(
        None, description="Archive that gets the copies instead, AE@HOST:PORT, by DICOM; off unless set"
    )
    copies_ca: ExistingFile | None = Field(
        None, description="Authority of the certificate of --copies-to, PEM; turns TLS to it on"
    )
    copies_options: Annotated[str, AfterValidator(_check_options)] = Field(
        "", description=f"Options of the confidentiality profile, separated by commas: {_OPTIONS}"
    )
    copies_refused_models: str = Field(
        "",
        description="Manufacturer's Model Names, separated by commas, of devices that write names into "
        "pixels: their objects have no copy",
    )
    insecure: bool = Field(
        False, description="Serve without TLS also beyond this machine: for closed networks alone"
    )

    @property
    def copies_profile(self) -> Profile:
        """How copies are made."""
        return _parse_profile(self.copies_options)

    @property
    def copies_refused_model_names(self) -> frozenset[str]:
        """Devices whose objects have no copy."""
        return frozenset(_split(self.copies_refused_models))

    @model_validator(mode="after")
    def _check_copies(self) -> Self:
        if self.copies_to is None:
            return self
        if self.copies_folder is not None:
            raise ValueError("--copies-folder and --copies-to exclude each other: give one")
        if self.copies_ca is None and not self.insecure and not is_local(self.copies_to.rpartition("@")[2]):
            raise ValueError(
                f"--copies-to {self.copies_to}: copies would go there unencrypted; give --copies-ca, or, in "
                "a closed network that you trust, --insecure"
            )
        return self
