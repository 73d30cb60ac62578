"""The settings that every service has, and the loader: a bad one stops the start and names itself."""

import os
import re
from pathlib import Path

import pytest
from octcluster_serving.settings import Listen, ServerSettings, TlsFiles
from pydantic import Field
from pydantic_settings import SettingsConfigDict

PREFIX = "OCTCLUSTER_TRIAL_"


class Plain(ServerSettings):
    """Tries the settings, over gRPC."""

    model_config = SettingsConfigDict(cli_prog_name="octcluster-trial", env_prefix=PREFIX)

    listen: Listen = "127.0.0.1:50059"
    max_things: int = Field(3, ge=1, description="Most things")
    most_things_per_box: int = Field(3, ge=1, description="Most things in a box")
    folder: Path | None = Field(None, description="Where they are")
    names: tuple[str, ...] = Field(("one", "two"), description="What they are called")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


def refused(capsys: pytest.CaptureFixture[str], kind: type[ServerSettings], *arguments: str) -> list[str]:
    with pytest.raises(SystemExit) as ended:
        kind.load(list(arguments))
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()


def test_defaults() -> None:
    settings = Plain.load([])
    assert settings.listen == "127.0.0.1:50059"
    assert settings.max_message_bytes == 64 * 2**20
    assert settings.grace_seconds == 30
    assert settings.log_level == "info"
    assert settings.log_format == "text"
    assert settings.starts_server
    assert settings.tls is None
    assert (settings.token_file, settings.metrics_listen, settings.otlp_endpoint) == (None, None, None)
    assert not settings.reflection
    assert not settings.insecure


def test_a_flag_goes_before_the_environment_and_that_before_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PREFIX + "MAX_THINGS", "7")
    monkeypatch.setenv(PREFIX + "REFLECTION", "true")
    monkeypatch.setenv(PREFIX + "GRACE_SECONDS", "")
    assert Plain.load([]).max_things == 7
    assert Plain.load(["--max-things", "9"]).max_things == 9
    assert Plain.load([]).reflection
    assert not Plain.load(["--no-reflection"]).reflection
    assert Plain.load([]).grace_seconds == 30, "an empty variable is not set"


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--listen", "50052"),
        ("--listen", "0.0.0.0:1,127.0.0.1:2"),
        ("--max-message-bytes", "1000"),
        ("--max-message-bytes", "2147483648"),
        ("--grace-seconds", "-1"),
        ("--grace-seconds", "inf"),
        ("--log-level", "loud"),
        ("--log-format", "xml"),
        ("--metrics-listen", "9090"),
        ("--metrics-listen", "unix:/tmp/x"),
        ("--tls-cert", "/nowhere/at/all.pem"),
        ("--token-file", "/nowhere/at/all"),
        ("--max-streams-per-connection", "0"),
        ("--max-connection-age-seconds", "0"),
    ],
)
def test_a_bad_setting_ends_with_2_and_names_itself(
    flag: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    variable = PREFIX + flag[2:].replace("-", "_").upper()
    (line,) = refused(capsys, Plain, flag, value)
    assert line.startswith(f"octcluster-trial: {flag} ({variable}): ")
    monkeypatch.setenv(variable, value)
    assert refused(capsys, Plain) == [line]


def test_all_bad_settings_are_named_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = refused(capsys, Plain, "--max-things", "0", "--log-level", "loud", "--listen=x")
    assert sorted(line.split()[1] for line in lines) == ["--listen", "--log-level", "--max-things"]


def test_an_unknown_flag_stops_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--nonsense" in refused(capsys, Plain, "--nonsense", "1")[-1]


def test_help_teaches_each_flag_and_speaks_of_values_and_not_of_types(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        Plain.load(["--help"])
    assert ended.value.code == 0
    page = capsys.readouterr().out
    text = " ".join(page.split())
    for name, field in Plain.model_fields.items():
        assert f"--{name.replace('_', '-')}" in text
        assert (field.description or "no description") in text
        assert f"[{PREFIX}{name.upper()}]" in text
    assert "--max-message-bytes BYTES" in text
    assert "--most-things-per-box THINGS" in text
    assert "(default: one,two)" in text
    assert not re.search(r" (int|str|float|Path|tuple\[.*)\b", page.partition("options:")[0])
    assert "None" not in text
    assert "--help show this help message and exit --" in text


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:50051", "10.0.0.7:5", "gpu-box:50051"])
def test_beyond_this_machine_a_server_needs_tls_and_a_check_of_its_clients(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, address: str
) -> None:
    file = tmp_path / "file"
    file.touch()
    listen, token = f"--listen={address}", f"--token-file={file}"
    tls = (f"--tls-cert={file}", f"--tls-key={file}")
    assert "unencrypted: give --tls-cert" in refused(capsys, Plain, listen)[0]
    assert "unencrypted: give --tls-cert" in refused(capsys, Plain, listen, token)[0]
    assert "anybody there" in refused(capsys, Plain, listen, *tls)[0]
    for allowed in ((*tls, token), (*tls, f"--tls-client-ca={file}"), ("--insecure",), ("--check-health",)):
        assert Plain.load([listen, *allowed]).listen == address
    assert Plain.load([listen, *tls, token]).tls == TlsFiles(file, file)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:50051", "unix:/tmp/x.sock", "localhost:65535"])
def test_on_this_machine_a_server_needs_no_protection(address: str) -> None:
    assert Plain.load(["--listen", address]).listen == address


def test_metrics_beyond_this_machine_need_tls(capsys: pytest.CaptureFixture[str]) -> None:
    assert Plain.load(["--metrics-listen=127.0.0.1:9090"]).metrics_listen == "127.0.0.1:9090"
    assert "--metrics-listen 0.0.0.0:9090" in refused(capsys, Plain, "--metrics-listen=0.0.0.0:9090")[0]
    assert Plain.load(["--metrics-listen=0.0.0.0:9090", "--insecure"]).metrics_listen == "0.0.0.0:9090"


def test_parts_of_tls_come_together(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    pair = (f"--tls-cert={file}", f"--tls-key={file}")
    assert "need each other" in refused(capsys, Plain, pair[0])[0]
    assert "need each other" in refused(capsys, Plain, pair[1], "--insecure")[0]
    assert "--tls-client-ca needs TLS" in refused(capsys, Plain, f"--tls-client-ca={file}")[0]
    assert "Unix socket" in refused(capsys, Plain, "--listen=unix:/tmp/x", *pair)[0]
