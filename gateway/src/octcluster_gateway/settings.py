"""What can be set, each by a flag or an environment variable, and what it is when it is not set."""

from pathlib import Path
from typing import Annotated

from octcluster_serving.settings import ProgramSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict

PREFIX = "OCTCLUSTER_GATEWAY_"

SpoolFolder = Annotated[
    Path, Field(description="Folder of the spool: a local disk that only the gateway's user may read")
]


class SpoolSettings(ProgramSettings):
    """Settings of every command that works on the spool.

    Each flag can be set by the environment variable in brackets as well; a flag goes first.
    """

    model_config = SettingsConfigDict(cli_prog_name="octcluster-gateway", env_prefix=PREFIX)

    spool: SpoolFolder
