import subprocess
import sys
from pathlib import Path

import pytest
from octcluster_embedder.settings import Settings

PREFIX = "OCTCLUSTER_EMBEDDER_"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        Settings.load(list(arguments))
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_defaults_of_the_contract() -> None:
    settings = Settings.load([])
    assert settings.listen == "127.0.0.1:50051"
    assert settings.models == ("efficientnet-lite0",)
    assert settings.runtime == "auto"
    assert settings.max_image_bytes == 32 * 2**20
    assert settings.max_images_per_request == 64
    assert settings.max_message_bytes == 64 * 2**20
    assert settings.grace_seconds == 30
    assert not settings.reflection


def test_int8_and_its_images_come_together(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    images = ("--calibration-images", str(tmp_path))
    assert Settings.load(["--precision", "int8", *images]).calibration_images == tmp_path
    for arguments in (images, ("--precision", "int8"), ("--precision", "bfloat16", *images)):
        assert "--precision int8 needs --calibration-images, and nothing else does" in refused(
            capsys, *arguments
        )
    assert "is no folder" in refused(capsys, "--precision", "int8", images[0], str(tmp_path / "nowhere"))


def test_a_precision_needs_a_network(capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(capsys, "--models", "pixels", "--precision", "bfloat16")
    assert "--precision is for networks, and pixels has none: leave it out" in told
    assert Settings.load(["--models", "pixels,vgg16", "--precision", "bfloat16"]).precision == "bfloat16"


def test_models_by_comma_by_repetition_and_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ("vgg16", "resnet50", "inception-v3")
    assert Settings.load(["--models", "vgg16,resnet50", "--models", "inception-v3"]).models == expected
    monkeypatch.setenv(PREFIX + "MODELS", "vgg16, resnet50,inception-v3")
    assert Settings.load([]).models == expected


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("models", "vgg17"),
        ("models", "vgg16,vgg16"),
        ("models", ","),
        ("weights", "/nowhere/at/all.h5"),
        ("weights-sha256", "12ab"),
        ("runtime", "tensorflow"),
        ("max-image-bytes", "0"),
        ("max-image-bytes", "many"),
        ("max-image-pixels", "-1"),
        ("max-images-per-request", "0"),
        ("decode-threads", "0"),
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
    assert Settings.load(["--models=vgg16", f"--weights={weights}"]).weights == weights
    assert "--weights needs exactly one model" in refused(capsys, two, f"--weights={weights}")
    assert "--weights-sha256 needs exactly one" in refused(capsys, two, f"--weights-sha256={'0' * 64}")


@pytest.mark.heavy
def test_cache_folder_follows_the_users_cache(tmp_path: Path) -> None:
    program = "from octcluster_embedder.settings import Settings; print(Settings.load([]).cache_dir)"

    def default(**environment: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert default(HOME=str(tmp_path)) == f"{tmp_path}/.cache/octcluster/models"
    assert default(HOME="/x", XDG_CACHE_HOME=str(tmp_path)) == f"{tmp_path}/octcluster/models"


def test_settings_and_health_check_import_nothing_heavy() -> None:
    program = (
        "import sys, octcluster_embedder.__main__\n"
        "import octcluster_serving.health, octcluster_embedder.serving.service\n"
        "import octcluster_embedder.settings\n"
        "octcluster_embedder.settings.Settings.load(['--check-health', '--listen', 'unix:/x'])\n"
        "print([name for name in ('numpy', 'PIL', 'openvino', 'jax', 'keras') if name in sys.modules])"
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
        Settings.load([flag, value])
    assert ended.value.code == 2
    complaint = capsys.readouterr().err
    assert flag in complaint
    assert other in complaint


def test_beyond_this_machine_only_the_server_needs_protection(capsys: pytest.CaptureFixture[str]) -> None:
    assert "unencrypted: give --tls-cert" in refused(capsys, "--listen=0.0.0.0:1")
    for other in ("--insecure", "--check-health", "--check-weights", "--prepare-only"):
        assert Settings.load(["--listen=0.0.0.0:1", other]).listen == "0.0.0.0:1"


def test_help_shows_models_as_they_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        Settings.load(["--help"])
    assert "(default:efficientnet-lite0)" in "".join(capsys.readouterr().out.split())
