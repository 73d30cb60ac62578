"""The command line: arguments, exit codes and messages; no run gets as far as its services."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from octcluster.cli.main import main
from octcluster.images.folder import find_images
from octcluster.outputs.run.files import write_run_files
from octcluster.workflows import extras, services
from outcomes import make_outcome


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "a.png").touch()
    return folder


def call(*arguments: object) -> int:
    """The exit code of the command."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as error:
        return int(error.code or 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-k", "1"], "'1' cannot be used: 2 clusters are the least: write 2 or more, as in 2:10"),
        (["-k", "5:3"], "a range goes upwards, as in 3:5"),
        (["-k", "four"], "'four' is no number of clusters: write 4, or 2:10 for a range"),
        (
            ["--pca", "0"],
            "write a share of the variance above 0 and at most 1 with a dot (0.95), or a count (64)",
        ),
        (["--pca", "1.5"], "'1.5' cannot be used"),
        (["--pca", "95%"], "'95%' cannot be used"),
        (["--pca", "0.9", "--no-pca"], "not allowed with argument"),
        (["--algorithm", "k-means"], "'k-means' is no algorithm: take kmeans, minibatch-kmeans"),
        (["--algorithm", ""], "'' is no algorithm"),
        (["--features", "top"], "invalid choice: 'top'"),
        (["--seed", "-1"], "'-1' is no seed"),
        (["--seed", str(2**32)], "write a whole number from 0 to 4294967295"),
        (["--per-class", "0"], "write a whole number from 1"),
        (["--scans", "0"], "'0' cannot be used: write all, middle, or how many B-scans of each volume"),
        (["--scans", "centre"], "'centre' cannot be used"),
        (["--recipe", "best"], "invalid choice: 'best'"),
        (["--stability", "101"], "'101' cannot be used: write a whole number from 0 to 100"),
        (["--weights-sha256", "abc"], "write its 64 hexadecimal digits"),
        (["--lab", "none"], "unrecognized arguments: --lab"),
    ],
)
def test_wrong_arguments_are_code_2_with_the_cure(
    arguments: list[str], message: str, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("run", images, "--out", tmp_path / "out", *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("octcluster run: ")
    assert error.splitlines()[1:] == ["See 'octcluster run --help'."]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        (["--embedder-tls-ca", "{file}"], "need --embedder HOST:PORT"),
        (["--embedder-token-file", "{file}"], "need --embedder HOST:PORT"),
        (["--embedder", "a:1", "--embedder-tls-name", "b"], "need --embedder-tls-ca"),
        (["--embedder", "a:1", "--embedder-tls-ca", "/nowhere"], "cannot read /nowhere"),
        (["--embedder", "a:1", "--embedder-tls-ca", "{file}", "--embedder-tls-key", "{file}"], "give both"),
        (["--embedder", "a:1", "--embedder-token-file", "{file}"], "unencrypted: use TLS"),
        (["--clusterer-tls-cert", "{file}"], "need --clusterer-tls-ca"),
        (["--embedder", "a:1", "--clusterer-tls-ca", "{file}"], "must be a PEM file"),
        (["--clusterer", "a:1", "--clusterer-token-file", "{file}"], "unencrypted: use TLS (--clusterer-"),
    ],
)
def test_parts_of_a_secure_connection_come_together(
    oct_images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], cure: str
) -> None:
    file = tmp_path / "token"
    file.write_text("a-token-of-some-length\n")
    file.chmod(0o600)
    given = [argument.format(file=file) for argument in arguments]
    assert (
        call("run", oct_images, "--out", tmp_path / "out", "--quiet", "--clusterer", "127.0.0.1:1", *given)
        == 2
    )
    assert cure in capsys.readouterr().err


def test_missing_arguments_are_code_2(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", images) == 2
    assert "--out" in capsys.readouterr().err
    assert call("--debug") == 2
    assert capsys.readouterr().err.splitlines()[1:] == ["See 'octcluster --help'."]


def test_nothing_at_all_brings_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert call() == 2
    assert "first steps:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("images_name", "arguments", "message"),
    [
        ("nowhere", [], "nowhere does not exist: give a folder of images, a volume or a list of paths"),
        ("images/a.png", [], "a.png is one image: give its folder"),
        ("images", ["--labels", "table.csv"], "--labels table.csv: there is no such file; give auto"),
        ("images", ["--labels", "folder"], "--labels folder finds no label"),
        ("images", ["--labels", "folder:3"], "--labels folder:3 finds no label"),
        ("images", ["--per-class", "3"], "--per-class 3 needs labels"),
        (
            "images",
            ["--model", "efficientnet-lite"],
            "no such model; take efficientnet-lite0, efficientnet-b0",
        ),
        ("images", ["--pca", "0.95"], "--pca changes a recipe, and none is named: add --recipe plain-1"),
        ("images", ["--recipe", "plain-1", "--whiten"], "whitening needs PCA: add --pca 64"),
        ("images", ["--recipe", "consensus-2", "--no-pca"], "or give --no-whiten"),
        (
            "images",
            ["--recipe", "plain-1", "--pca", "8", "--whiten-within-patients"],
            "comes after whitening: add --whiten too",
        ),
        ("images", ["--weights", "w.h5"], "--weights w.h5: there is no such file"),
        ("images", ["--weights", "w.h5", "--embedder", "a:1"], "leave them out, or leave out --embedder"),
    ],
)
def test_unusable_input_is_code_2_in_one_line_with_the_cure(
    images_name: str,
    arguments: list[str],
    message: str,
    images: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call("run", tmp_path / images_name, "--out", tmp_path / "out", *arguments) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert output.err.startswith("octcluster: ")
    assert output.err.count("\n") == 1
    assert output.out == ""


def test_no_image_says_what_was_looked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "scan.pdf").touch()
    assert call("run", tmp_path / "scans", "--out", tmp_path / "out") == 2
    assert (
        "looked for .bmp, .jpeg, .jpg, .png, .tif, .tiff, .webp, DICOM and volumes of OCT devices, found "
        "1 other file (.pdf: 1)" in capsys.readouterr().err
    )


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_outputs_into_a_file_are_refused(
    out: str, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("mine")
    assert call("run", images, "--out", tmp_path / out) == 2
    assert "is a file, or lies in one: name a folder for the outputs" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("command", ["run", "study", "describe"])
@pytest.mark.parametrize("record", ["run.json", "assign.json", "study.json", "describe.json"])
def test_what_another_command_left_is_not_replaced(
    command: str,
    record: str,
    images: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(services, "_CONNECT_SECONDS", 1.0)
    out = tmp_path / "out"
    out.mkdir()
    (out / record).write_text("{}")
    (out / "report.html").write_text("mine")
    nobody = ["--clusterer", f"unix:{tmp_path}/b.sock", "--embedder", f"unix:{tmp_path}/a.sock"]
    code = call(command, images, "--out", out, "--quiet", *([] if command == "describe" else nobody))
    error = capsys.readouterr().err
    if record == f"{command}.json":
        assert "holds the output of" not in error
    else:
        assert code == 2
        assert f"holds the output of 'octcluster {record.removesuffix('.json')}' ({record})" in error
        assert f"for example --out {out / command}" in error
    assert (out / "report.html").read_text() == "mine"


def test_a_run_that_cannot_be_done_is_code_1_without_a_traceback(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    addresses = ("--embedder", f"unix:{tmp_path}/a.sock", "--clusterer", f"unix:{tmp_path}/b.sock")
    arguments = ("run", images, "--out", tmp_path / "out", "--quiet", *addresses)
    assert call(*arguments) == 1
    assert not (tmp_path / "out").exists()
    output = capsys.readouterr()
    assert output.err.startswith(
        "octcluster: 1 image cannot make 4 clusters: ask for fewer (-k), or give more"
    )
    assert output.out == ""
    assert call(*arguments, "--debug") == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.heavy
def test_an_interrupted_run_says_so_and_is_code_130(oct_images: Path, tmp_path: Path) -> None:
    nobody = f"unix:{tmp_path}/nobody.sock"
    command = [sys.executable, "-m", "octcluster", "run", str(oct_images), "--out", str(tmp_path / "out")]
    command += ["--embedder", nobody, "--clusterer", nobody]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while "waiting for the embedder" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        error = process.stderr.read()
    assert process.returncode == 130
    assert error.splitlines()[-1] == "octcluster: interrupted"
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_version_and_help_are_quick_and_load_no_heavy_library() -> None:
    program = (
        "import sys; from octcluster.cli.main import main\n"
        "try: main(['--version'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'PIL', 'rich', 'jinja2', 'jax', 'openvino'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("octcluster 0.")


@pytest.mark.heavy
def test_a_command_leaves_pandas_out_which_pyarrow_would_import() -> None:
    code = (
        "import contextlib, sys\n"
        "from octcluster.cli.main import main\n"
        "sys.argv = ['octcluster', '--version']\n"
        "with contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "import pyarrow\n"
        "pyarrow.array([1])\n"
        "sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0


@pytest.mark.heavy
def test_without_the_extra_the_message_says_what_to_install(images: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import importlib.metadata as metadata, sys\n"
        "find = metadata.Distribution.from_name.__func__\n"
        "def from_name(kind, name):\n"
        "    if name == 'rich':\n"
        "        raise metadata.PackageNotFoundError(name)\n"
        "    return find(kind, name)\n"
        "metadata.Distribution.from_name = classmethod(from_name)\n"
        "sys.modules['numpy'] = None\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    for arguments, extra in (
        (
            ["run", str(images), "--out", str(tmp_path / "out")],
            "rich not installed: install octcluster's extra 'cli'",
        ),
        (["phantoms", str(tmp_path / "out")], "numpy not installed: install octcluster's extra 'local'"),
    ):
        command = [sys.executable, "-m", "octcluster", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert extra in done.stderr
        assert "Traceback" not in done.stderr


def test_phantoms_are_written_where_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("phantoms", tmp_path / "new" / "folder", "--images-per-class", 2, "--seed", 5) == 0
    assert len(find_images(tmp_path / "new" / "folder").images) == 8
    assert "2 phantoms of each of CNV, DME, DRUSEN, NORMAL" in capsys.readouterr().out
    assert call("phantoms", tmp_path / "new" / "folder", "--images-per-class", 1) == 0  # its own may be there


@pytest.mark.parametrize("name", ["a.png", "CNV/CNV-1016042-1.jpeg", "scans/1.dcm"])
def test_phantoms_never_go_among_other_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    assert call("phantoms", tmp_path) == 2
    assert f"holds other files ({name})" in capsys.readouterr().err
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / name]


def test_outputs_among_images_are_told(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = images.parent / "list.txt"
    listed.write_text("\n".join(f"{images.name}/{path.name}" for path in images.iterdir()))
    assert call("describe", listed, "--out", images) == 0
    assert f"{images} holds images: better give the outputs a folder of their own" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "study", "describe"])
@pytest.mark.parametrize("out", [".", "result"])
def test_outputs_in_the_folder_of_the_images_are_refused(
    command: str, out: str, images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(images.iterdir())
    assert call(command, images, "--out", images / out) == 2
    assert "name a folder outside of it for the outputs (--out)" in capsys.readouterr().err
    assert sorted(images.iterdir()) == before


def test_another_result_is_replaced_only_when_asked(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert call("describe", images, "--out", out) == 0
    assert call("describe", images, "--out", out) == 0
    before = (out / "describe.json").read_bytes()
    (images / "b.png").touch()
    assert call("describe", images, "--out", out, "--seed", "7") == 2
    told = capsys.readouterr().err
    assert f"{out} holds a result of other images and with other options (seed)" in told
    assert (out / "describe.json").read_bytes() == before
    assert call("describe", images, "--out", out, "--seed", "7", "--overwrite") == 0
    assert (out / "describe.json").read_bytes() != before


def test_the_folder_of_the_run_is_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run_files(make_outcome(), tmp_path, {}, datetime.now(UTC))
    before = (tmp_path / "assignments.csv").read_bytes()
    images = tmp_path / "images"
    images.mkdir()
    (images / "a.png").touch()
    assert main(["assign", str(tmp_path), str(images), "--out", str(tmp_path)]) == 2
    assert "holds the output of 'octcluster run' (run.json)" in capsys.readouterr().err
    assert (tmp_path / "assignments.csv").read_bytes() == before


@pytest.mark.parametrize("lacking", ["uvicorn", "pyarrow"])
def test_explore_says_which_extra_it_lacks(
    lacking: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(extras, "_is_installed", lambda name: name != lacking)
    assert call("explore", tmp_path) == 1
    extra = "explore" if lacking == "uvicorn" else "cli"
    assert f"{lacking} not installed: install octcluster's extra '{extra}'" in capsys.readouterr().err


def test_explore_of_what_is_no_result_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("explore", tmp_path, "--no-browser") == 2
    assert "is no folder of a finished run: give the folder that 'octcluster run'" in capsys.readouterr().err
    assert call("explore", tmp_path, "--port", "65536") == 2
    assert "'65536' is no port: write a whole number from 0 to 65535" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
