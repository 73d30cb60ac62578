"""Models that the operator brings: what is read of the TOML file beside the network, and what is refused."""

import re
from pathlib import Path

import pytest
from octcluster_embedder.errors import SettingError
from octcluster_embedder.models.own_model import name_of, read_own_model
from octcluster_embedder.settings import Settings

USE = 'input_side = 224\npooled = "out"\n'


def write(folder: Path, use: str) -> Path:
    (folder / "Clinic.onnx").write_bytes(b"")
    (folder / "Clinic.toml").write_text(use)
    return folder / "Clinic.onnx"


def test_what_is_not_said_is_usual(tmp_path: Path) -> None:
    own = read_own_model(write(tmp_path, USE))
    assert (own.name, own.layout, own.channels, own.mean, own.scale) == (
        "clinic",
        "NCHW",
        "RGB",
        (0, 0, 0),
        (1, 1, 1),
    )
    assert name_of(str(own.path)) == "clinic"
    assert name_of("vgg16") == "vgg16"


def test_each_key_but_the_name_is_part_of_the_space(tmp_path: Path) -> None:
    changes = (
        "",
        'layout = "NHWC"',
        'channels = "BGR"',
        "mean = [1, 2, 3]",
        "scale = [1, 2, 3]",
        'tokens = "first"',
    )
    versions = {read_own_model(write(tmp_path, USE + change)).spec().scaling_version for change in changes}
    assert len(versions) == len(changes)
    named = read_own_model(write(tmp_path, f'{USE}name = "other"')).spec().scaling_version
    assert named in versions


@pytest.mark.parametrize(
    ("use", "told"),
    [
        ("input_side = ", "cannot be read as TOML"),
        ('pooled = "out"', "the key input_side is missing: it must be the side"),
        ("input_side = 224", "the key pooled is missing: it must be the name of an output"),
        (USE + "size = 3", "there is no key 'size'; there are name, input_side"),
        (USE + 'path = "x"', "there is no key 'path'"),
        (USE + 'name = "vgg16"', "name = 'vgg16' must be a new name"),
        (USE + 'name = "my model"', "name = 'my model' must be a new name of small letters"),
        ('input_side = 4\npooled = "out"', "input_side = 4 must be"),
        ('input_side = true\npooled = "out"', "input_side = True must be"),
        (USE + "mean = [1, 2]", r"mean = \[1, 2\] must be three numbers"),
        (USE + "scale = [1, 0, 1]", "must be three numbers above 0"),
        (USE + "mean = [nan, 0, 0]", "must be three numbers, for values"),
        (USE + "scale = [1, inf, 1]", "must be three numbers above 0"),
        (USE + 'layout = "HWC"', "layout = 'HWC' must be NCHW or NHWC"),
        (USE + 'blocks = "out"', "must be a list of names"),
    ],
)
def test_a_wrong_key_is_named_with_its_cure(
    tmp_path: Path, use: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, use)
    with pytest.raises(SettingError, match=told):
        read_own_model(file)
    with pytest.raises(SystemExit):
        Settings.load(["--models", str(file)])
    assert re.search(told, capsys.readouterr().err)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"there is no file .*none\.onnx"):
        read_own_model(tmp_path / "none.onnx")
    file = write(tmp_path, USE)
    file.with_suffix(".toml").unlink()
    with pytest.raises(SettingError, match=r"there is no file .*Clinic\.toml: a model of your own is"):
        read_own_model(file)


def test_one_name_serves_one_model(tmp_path: Path) -> None:
    file = write(tmp_path, USE)
    assert Settings.load(["--models", f"{file},vgg16"]).models == (str(file), "vgg16")
    with pytest.raises(SystemExit):
        Settings.load(["--models", f"{file},{file}"])
