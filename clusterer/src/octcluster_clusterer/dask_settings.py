"""What the parts of a Dask cluster can be set to, and who may reach them."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Self

from octcluster_serving.addresses import check_tcp_address, is_local
from octcluster_serving.settings import ExistingFile, ProgramSettings
from pydantic import AfterValidator, ByteSize, Field, model_validator
from pydantic_settings import SettingsConfigDict

from octcluster_clusterer.engine.scheduler_place import SchedulerPlace
from octcluster_clusterer.settings import SchedulerAddress, StoreSettings, check_dask_security


def _check_folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise ValueError("must be a folder that is there")
    return folder


def _check_host(host: str) -> str:
    if not re.fullmatch(r"[^\s:/]+|\[[^\[\]\s/]+\]", host):
        raise ValueError("must be a name or an address of this machine, without a port")
    return host


class PartSettings(ProgramSettings):
    """What scheduler and workers have in common: TLS."""

    tls_ca: ExistingFile | None = Field(
        None,
        description="Authority of the certificates of scheduler, workers and clusterer, PEM; whoever holds "
        "one of them can run code on the workers: give the cluster an authority of its own",
    )
    tls_cert: ExistingFile | None = Field(None, description="Own certificate, PEM; turns TLS on")
    tls_key: ExistingFile | None = Field(None, description="Private key of --tls-cert, PEM, not locked")
    insecure: bool = Field(
        False,
        description="Without TLS also beyond this machine, where anybody could then run code here: for "
        "closed networks alone",
    )
    check_health: bool = Field(
        False, description="Only ask whether the scheduler takes the certificate: exit code 0 if it does"
    )

    @model_validator(mode="after")
    def _check_installed(self) -> Self:
        if find_spec("distributed") is None:
            raise ValueError(
                "needs distributed, which is not installed: pip install 'octcluster-clusterer[dask]'"
            )
        return self


class SchedulerSettings(PartSettings):
    """Schedules the work of octcluster-clusterer on Dask workers."""

    model_config = SettingsConfigDict(
        cli_prog_name="octcluster-dask-scheduler", env_prefix="OCTCLUSTER_DASK_SCHEDULER_"
    )

    listen: Annotated[str, AfterValidator(check_tcp_address)] = Field(
        "127.0.0.1:8786", description="Address to serve on: HOST:PORT"
    )

    @property
    def place(self) -> SchedulerPlace:
        """Where it listens, and its certificates."""
        protocol = "tcp" if self.tls_cert is None else "tls"
        return SchedulerPlace(f"{protocol}://{self.listen}", self.tls_ca, self.tls_cert, self.tls_key)

    @model_validator(mode="after")
    def _check_safe(self) -> Self:
        check_dask_security(
            (self.tls_ca, self.tls_cert, self.tls_key),
            is_open=self.tls_cert is None and not is_local(self.listen),
            insecure=self.insecure,
            flags="--tls-ca, --tls-cert and --tls-key",
        )
        return self


class WorkerSettings(PartSettings, StoreSettings):
    """Works for octcluster-clusterer on blocks of vectors, which it reads from their store by itself.

    One process works on one block at a time: start as many as there are processors.
    """

    model_config = SettingsConfigDict(
        cli_prog_name="octcluster-dask-worker", env_prefix="OCTCLUSTER_DASK_WORKER_"
    )

    scheduler: SchedulerAddress = Field(
        "tcp://127.0.0.1:8786",
        description="The scheduler: tls://HOST:PORT, or tcp://HOST:PORT on this machine",
    )
    host: Annotated[str, AfterValidator(_check_host)] | None = Field(
        None,
        description="Name or address of this machine at which scheduler and other workers reach it; the one "
        "that leads to the scheduler if not set",
    )
    memory_limit: ByteSize = Field(
        ByteSize(2 * 2**30),
        ge=2**28,
        description="Most memory of the worker, in bytes or as in 2GiB; it is started anew at 95% of it",
    )
    spill_folder: Annotated[Path, AfterValidator(_check_folder)] | None = Field(
        None,
        description="Folder for results that do not fit into memory; they stay there if not set. It holds "
        "numbers made of vectors: keep it from others",
    )

    @property
    def place(self) -> SchedulerPlace:
        """Where the scheduler is, and the worker's certificates."""
        return SchedulerPlace(self.scheduler, self.tls_ca, self.tls_cert, self.tls_key)

    @model_validator(mode="after")
    def _check_safe(self) -> Self:
        protocol, _, address = self.scheduler.partition("://")
        is_alone = is_local(address) and (self.host is None or is_local(f"{self.host}:1"))
        check_dask_security(
            (self.tls_ca, self.tls_cert, self.tls_key),
            is_open=protocol == "tcp" and not is_alone,
            insecure=self.insecure,
            flags="--tls-ca, --tls-cert and --tls-key",
            needs_files=protocol == "tls",
        )
        return self
