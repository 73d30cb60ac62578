import re
import subprocess
import sys
from pathlib import Path

import pytest
from octcluster_embedder.settings import Settings, load_settings

PREFIX = "OCTCLUSTER_EMBEDDER_"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        load_settings(list(arguments))
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_defaults_of_the_contract() -> None:
    settings = load_settings([])
    assert settings.listen == "127.0.0.1:50051"
    assert settings.models == ("efficientnet-lite0",)
    assert settings.runtime == "auto"
    assert settings.max_image_bytes == 32 * 2**20
    assert settings.max_images_per_request == 64
    assert settings.max_message_bytes == 64 * 2**20
    assert settings.grace_seconds == 30
    assert not settings.reflection


def test_flag_goes_before_environment_before_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX + "GRACE_SECONDS", "7")
    monkeypatch.setenv(PREFIX + "REFLECTION", "1")
    assert load_settings([]).grace_seconds == 7
    assert load_settings([]).reflection
    assert load_settings(["--grace-seconds", "9", "--no-reflection"]).grace_seconds == 9
    assert not load_settings(["--no-reflection"]).reflection


def test_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX + "WEIGHTS", "")
    assert load_settings([]).weights is None


def test_models_by_comma_by_repetition_and_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ("vgg16", "resnet50", "inception-v3")
    assert load_settings(["--models", "vgg16,resnet50", "--models", "inception-v3"]).models == expected
    monkeypatch.setenv(PREFIX + "MODELS", "vgg16, resnet50,inception-v3")
    assert load_settings([]).models == expected


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "[::1]:50051", "127.9.9.9:3", "unix:/tmp/x.sock", "localhost:65535"]
)
def test_addresses_of_this_machine_need_no_protection(address: str) -> None:
    assert load_settings(["--listen", address]).listen == address


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:50051", "10.0.0.7:5", "gpu-box:50051"])
def test_other_addresses_need_tls_and_a_check_of_the_clients(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, address: str
) -> None:
    file = tmp_path / "file"
    file.touch()
    listen, tls, token = (
        f"--listen={address}",
        (f"--tls-cert={file}", f"--tls-key={file}"),
        f"--token-file={file}",
    )
    assert "unencrypted: give --tls-cert" in refused(capsys, listen)
    assert "unencrypted: give --tls-cert" in refused(capsys, listen, token)
    assert "anybody there" in refused(capsys, listen, *tls)
    for allowed in ((*tls, token), (*tls, f"--tls-client-ca={file}"), ("--insecure",), ("--check-health",)):
        assert load_settings([listen, *allowed]).listen == address


def test_metrics_beyond_this_machine_need_tls(capsys: pytest.CaptureFixture[str]) -> None:
    assert load_settings(["--metrics-listen=127.0.0.1:9090"]).metrics_listen == "127.0.0.1:9090"
    assert "--metrics-listen 0.0.0.0:9090" in refused(capsys, "--metrics-listen=0.0.0.0:9090")
    assert load_settings(["--metrics-listen=0.0.0.0:9090", "--insecure"]).metrics_listen == "0.0.0.0:9090"


def test_parts_of_tls_come_together(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert "need each other" in refused(capsys, f"--tls-cert={file}")
    assert "need each other" in refused(capsys, f"--tls-key={file}", "--insecure")
    assert "--tls-client-ca needs TLS" in refused(capsys, f"--tls-client-ca={file}")
    assert "Unix socket" in refused(capsys, "--listen=unix:/tmp/x", f"--tls-cert={file}", f"--tls-key={file}")


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("listen", "50051"),
        ("listen", "host:0"),
        ("listen", "host:70000"),
        ("listen", "unix:"),
        ("models", "vgg17"),
        ("models", "vgg16,vgg16"),
        ("models", ","),
        ("weights", "/nowhere/at/all.h5"),
        ("weights-sha256", "12ab"),
        ("runtime", "jax"),
        ("max-image-bytes", "0"),
        ("max-image-bytes", "many"),
        ("max-image-pixels", "-1"),
        ("max-images-per-request", "0"),
        ("max-message-bytes", "10"),
        ("max-message-bytes", "3000000000"),
        ("decode-threads", "0"),
        ("grace-seconds", "-1"),
        ("log-level", "loud"),
        ("log-format", "xml"),
        ("metrics-listen", "9090"),
        ("metrics-listen", "unix:/tmp/x"),
        ("tls-cert", "/nowhere/at/all.pem"),
        ("token-file", "/nowhere/at/all"),
        ("max-streams-per-connection", "0"),
        ("max-connection-age-seconds", "0"),
    ],
)
def test_bad_value_ends_with_2_and_names_its_flag(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, flag: str, value: str
) -> None:
    assert f"--{flag}" in refused(capsys, f"--{flag}={value}")
    variable = PREFIX + flag.upper().replace("-", "_")
    monkeypatch.setenv(variable, value)
    assert variable in refused(capsys)


def test_unknown_model_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert "efficientnet-lite0" in refused(capsys, "--models", "vgg17")


def test_message_must_hold_the_largest_image(capsys: pytest.CaptureFixture[str]) -> None:
    complaint = refused(capsys, "--max-image-bytes", str(64 * 2**20))
    assert "--max-message-bytes" in complaint
    assert "--max-image-bytes" in complaint


def test_own_weights_need_exactly_one_model(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    weights = tmp_path / "weights.h5"
    weights.touch()
    two = "--models=vgg16,resnet50"
    assert load_settings(["--models=vgg16", f"--weights={weights}"]).weights == weights
    assert "--weights needs exactly one model" in refused(capsys, two, f"--weights={weights}")
    assert "--weights-sha256 needs exactly one" in refused(capsys, two, f"--weights-sha256={'0' * 64}")


def test_every_bad_setting_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    complaint = refused(capsys, "--listen=x", "--grace-seconds=y", "--runtime=z")
    assert [line.split()[1] for line in complaint.splitlines()] == [
        "--listen",
        "--runtime",
        "--grace-seconds",
    ]


def test_help_teaches_every_flag_with_its_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        load_settings(["--help"])
    assert ended.value.code == 0
    page = capsys.readouterr().out.replace("\n", "").replace(" ", "")
    for name, field in Settings.model_fields.items():
        assert f"--{name.replace('_', '-')}" in page
        assert f"[{PREFIX}{name.upper()}]" in page
        assert field.description.replace(" ", "") in page


def test_cache_folder_follows_the_users_cache(tmp_path: Path) -> None:
    program = "from octcluster_embedder.settings import load_settings; print(load_settings([]).cache_dir)"

    def default(**environment: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert default(HOME=str(tmp_path)) == f"{tmp_path}/.cache/octcluster/models"
    assert default(HOME="/x", XDG_CACHE_HOME=str(tmp_path)) == f"{tmp_path}/octcluster/models"


def test_settings_and_health_check_import_nothing_heavy() -> None:
    program = (
        "import sys, octcluster_embedder.__main__, octcluster_embedder.serving.health\n"
        "octcluster_embedder.settings.load_settings(['--check-health', '--listen', 'unix:/x'])\n"
        "print([name for name in ('numpy', 'PIL', 'openvino', 'tensorflow', 'keras') if name in sys.modules])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "[]"


@pytest.mark.parametrize(
    ("flag", "value", "other"),
    [
        ("--max-queued-images", "100", "--max-images-per-request"),
        ("--max-queued-bytes", str(200 * 2**20), "--max-message-bytes"),
    ],
)
def test_the_room_must_hold_some_of_the_largest_requests(
    flag: str, value: str, other: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        load_settings([flag, value])
    assert ended.value.code == 2
    complaint = capsys.readouterr().err
    assert flag in complaint
    assert other in complaint


def test_help_speaks_of_values_and_not_of_types(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        load_settings(["--help"])
    text = capsys.readouterr().out
    assert "--max-images-per-request IMAGES" in text
    assert "--tls-cert CERT" in text
    assert not re.search(r" (int|str|float|Path|tuple\[.*)\b", text.partition("options:")[0])
    assert "None" not in text
    assert "(default:efficientnet-lite0)" in "".join(text.split())
