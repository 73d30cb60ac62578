"""What can be set of the two services that the gateway is a client of."""

from typing import Self

from octcluster.clients.security import Tls, read_token
from octcluster_serving.settings import ExistingFile, ProgramSettings
from pydantic import Field, model_validator


class ClustererSettings(ProgramSettings):
    """Settings of how the clusterer is reached."""

    clusterer: str = Field("127.0.0.1:50052", description="Address of the clusterer")
    clusterer_token_file: ExistingFile | None = Field(None, description="File with the clusterer's token")
    services_ca: ExistingFile | None = Field(
        None, description="Authority of the certificates of both services, PEM; turns TLS to them on"
    )
    services_cert: ExistingFile | None = Field(None, description="The gateway's certificate for them, PEM")
    services_key: ExistingFile | None = Field(None, description="Private key of --services-cert, PEM")

    @property
    def services_tls(self) -> Tls | None:
        """How connections to both services are secured; None: they are not."""
        if self.services_ca is None and self.services_cert is None:
            return None
        return Tls(self.services_ca, self.services_cert, self.services_key)

    @property
    def clusterer_token(self) -> str | None:
        """What the clusterer wants to see; None: nothing."""
        return None if self.clusterer_token_file is None else read_token(self.clusterer_token_file)

    @model_validator(mode="after")
    def _check_services(self) -> Self:
        if (self.services_cert is None) != (self.services_key is None):
            raise ValueError("--services-cert and --services-key need each other: give both, or none")
        return self


class ServiceSettings(ClustererSettings):
    """Settings of how both services are reached."""

    embedder: str = Field("127.0.0.1:50051", description="Address of the embedder, or several with commas")
    embedder_token_file: ExistingFile | None = Field(None, description="File with the embedder's token")

    @property
    def embedder_token(self) -> str | None:
        """What the embedder wants to see; None: nothing."""
        return None if self.embedder_token_file is None else read_token(self.embedder_token_file)
