"""Settings of the parts of a Dask cluster: nothing in plain text beyond this machine, unless asked for."""

from pathlib import Path

import pytest
from octcluster_clusterer.dask_settings import SchedulerSettings, WorkerSettings
from octcluster_clusterer.settings import Settings
from octcluster_serving.settings import ProgramSettings

FILES = ("--tls-ca", "--tls-cert", "--tls-key")
DASK_FILES = ("--dask-ca", "--dask-cert", "--dask-key")
FAR = "tcp://10.0.0.1:8786"
ENGINE = ("--engine", "dask", "--dask-scheduler")


@pytest.fixture
def file(tmp_path: Path) -> str:
    file = tmp_path / "file.pem"
    file.write_text("PEM")
    return str(file)


@pytest.mark.parametrize(
    ("kind", "arguments", "told"),
    [
        (SchedulerSettings, ["--listen", "0.0.0.0:8786"], "--insecure allows it"),
        (SchedulerSettings, ["--listen", "8786"], "--listen (OCTCLUSTER_DASK_SCHEDULER_LISTEN)"),
        (WorkerSettings, ["--scheduler", FAR], "--insecure allows it"),
        (WorkerSettings, ["--host", "10.0.0.2"], "--insecure allows it"),
        (WorkerSettings, ["--host", "10.0.0.2:1"], "--host (OCTCLUSTER_DASK_WORKER_HOST)"),
        (WorkerSettings, ["--scheduler", "tls://10.0.0.1:8786"], "--tls-ca, --tls-cert and --tls-key need"),
        (WorkerSettings, ["--scheduler", "10.0.0.1:8786"], "must be tls://HOST:PORT"),
        (WorkerSettings, ["--memory-limit", "1MB"], "--memory-limit"),
        (WorkerSettings, ["--spill-folder", "/nowhere/at/all"], "must be a folder that is there"),
        (Settings, [*ENGINE, FAR], "--dask-ca, --dask-cert and --dask-key"),
        (Settings, [*ENGINE, "tls://10.0.0.1:8786"], "--dask-ca, --dask-cert and --dask-key need"),
        (Settings, ["--engine", "dask"], "--engine dask and --dask-scheduler need each other"),
        (Settings, ["--dask-scheduler", "tcp://127.0.0.1:8786"], "need each other"),
        (Settings, ["--engine", "spark"], "--engine"),
    ],
)
def test_what_is_not_safe_or_not_whole_is_refused(
    kind: type[ProgramSettings], arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        kind.load(arguments)
    assert stopped.value.code == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("missing", range(3))
def test_certificates_are_given_as_a_whole(
    missing: int, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [word for i, flag in enumerate(FILES) if i != missing for word in (flag, file)]
    with pytest.raises(SystemExit):
        SchedulerSettings.load(["--listen", "127.0.0.1:1", *given])
    assert "need each other" in capsys.readouterr().err


def test_with_certificates_or_insecure_a_part_is_there_for_all(file: str) -> None:
    files = [word for flag in FILES for word in (flag, file)]
    assert SchedulerSettings.load(["--listen", "0.0.0.0:1", *files]).place.address == "tls://0.0.0.0:1"
    assert SchedulerSettings.load(["--listen", "0.0.0.0:1", "--insecure"]).place.address == "tcp://0.0.0.0:1"
    assert WorkerSettings.load(["--scheduler", "tls://h:1", "--host", "h2", *files]).place.ca == Path(file)
    assert WorkerSettings.load(["--scheduler", FAR, "--insecure"]).place.address == FAR
    own = [word for flag in DASK_FILES for word in (flag, file)]
    place = Settings.load([*ENGINE, "tls://h:1", *own]).scheduler_place
    assert place is not None
    assert (place.address, place.ca, place.cert, place.key) == ("tls://h:1", *[Path(file)] * 3)


def test_one_machine_is_the_default_and_needs_no_dask() -> None:
    assert Settings.load([]).scheduler_place is None
    place = Settings.load([*ENGINE, "tcp://127.0.0.1:8786"]).scheduler_place
    assert place is not None
    assert place.ca is None
