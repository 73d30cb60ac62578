"""What ``scripts/build`` makes: whole, the same for the same commit, enough where no sources are."""

import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from machine import REPOSITORY

DISTRIBUTIONS = {
    "protos": "octcluster_protos",
    "serving": "octcluster_serving",
    "embedder": "octcluster_embedder",
    "clusterer": "octcluster_clusterer",
    "client": "octcluster",
    "gateway": "octcluster_gateway",
}
EPOCH = 1_700_000_000
UV = str(Path(sys.executable).with_name("uv"))
ENVIRONMENT = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), "UV_SYSTEM_CERTS": "1"}
CLIENT = tomllib.loads((REPOSITORY / "client" / "pyproject.toml").read_text())["project"]
VERSION = CLIENT["version"]
EVERYTHING = (f"octcluster[{','.join(CLIENT['optional-dependencies'])}]", "octcluster-gateway[parquet]")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that ``scripts/build`` fills from the last commit."""
    folder = tmp_path_factory.mktemp("release") / "dist"
    subprocess.run([REPOSITORY / "scripts" / "build", folder], check=True, timeout=300, env=ENVIRONMENT)
    return folder


def wheel_of(release: Path, package: str) -> Path:
    (wheel,) = release.glob(f"{package}-*.whl")
    return wheel


def sdist_of(release: Path, package: str) -> Path:
    (sdist,) = release.glob(f"{package}-*.tar.gz")
    return sdist


def members_of(sdist: Path) -> list[tarfile.TarInfo]:
    with tarfile.open(sdist) as packed:
        return packed.getmembers()


def committed(folder: str) -> set[str]:
    command = ["git", "ls-tree", "-r", "--name-only", f"HEAD:{folder}"]
    return set(subprocess.check_output(command, cwd=REPOSITORY, text=True).splitlines())


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_a_wheel_holds_every_file_of_its_package_and_the_licence(release: Path, distribution: str) -> None:
    wheel = zipfile.ZipFile(wheel_of(release, DISTRIBUTIONS[distribution]))
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == committed(f"{distribution}/src")
    (licence,) = [name for name in wheel.namelist() if name.endswith(".dist-info/licenses/LICENSE")]
    assert wheel.read(licence) == (REPOSITORY / "LICENSE").read_bytes()


@pytest.mark.parametrize(
    "distribution", ["protos", "client"]
)  # the one with other files, the one with most data
def test_an_sdist_builds_the_same_wheel(release: Path, distribution: str, tmp_path: Path) -> None:
    package = DISTRIBUTIONS[distribution]
    command = [
        UV,
        "build",
        "--quiet",
        "--offline",
        "--wheel",
        "--no-build-isolation",
        "--python",
        sys.executable,
    ]
    subprocess.run([*command, "--out-dir", tmp_path, sdist_of(release, package)], check=True, env=ENVIRONMENT)
    assert wheel_of(tmp_path, package).read_bytes() == wheel_of(release, package).read_bytes()


@pytest.mark.parametrize("package", DISTRIBUTIONS.values())
def test_an_sdist_tells_nothing_of_when_and_where_it_was_made(release: Path, package: str) -> None:
    file = sdist_of(release, package)
    with gzip.open(file) as packed:
        packed.read(1)
        assert packed.mtime == EPOCH
    members = members_of(file)
    assert [member.name for member in members] == sorted(member.name for member in members)
    assert {(one.mtime, one.uid, one.gid, one.uname, one.gname) for one in members} == {(EPOCH, 0, 0, "", "")}
    assert {(one.isdir(), one.mode) for one in members} <= {(True, 0o755), (False, 0o644)}


def test_the_contracts_are_in_their_sdist(release: Path) -> None:
    names = {member.name for member in members_of(sdist_of(release, "octcluster_protos"))}
    contracts = [name for name in committed("protos") if name.endswith((".proto", "buf.yaml"))]
    assert contracts
    assert {f"octcluster_protos-{VERSION}/{name}" for name in contracts} <= names


def test_the_digests_are_right(release: Path) -> None:
    assert len((release / "SHA256SUMS").read_text().splitlines()) == 2 * len(DISTRIBUTIONS)
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=release, check=True)


# --- a machine that has nothing but the wheels


@pytest.fixture(scope="module")
def installed(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs of a clean environment: the wheels, and in the pinned versions what they say they need."""
    folder = tmp_path_factory.mktemp("installed")
    wheels = folder / "wheels"
    wheels.mkdir()
    for wheel in release.glob("*.whl"):
        shutil.copy(wheel, wheels)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    command = [UV, "pip", "install", "--quiet", "--python", str(folder / "venv"), "--find-links", str(wheels)]
    command += ["--constraint", str(REPOSITORY / "requirements" / "dev.txt"), *EVERYTHING]
    # uv kept what scripts/setup installed. Where it may keep nothing, it asks the network.
    kept = subprocess.run([*command, "--offline"], capture_output=True, timeout=300, env=ENVIRONMENT)
    if kept.returncode != 0:
        subprocess.run(command, check=True, timeout=300, env=ENVIRONMENT)
    return folder / "venv" / "bin"


def call(program: Path, *arguments: object, where: Path) -> str:
    """What a program prints, in a folder outside the checkout and without its settings of Python."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [str(program), *map(str, arguments)]
    done = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


ASK = f"""
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
for name in {list(DISTRIBUTIONS.values())!r}:
    assert Path(import_module(name).__file__).is_relative_to(sys.prefix), name
    assert version(name) == "{VERSION}", name
from octcluster_gateway.deidentification import table
assert (Path(table.__file__).parent / table._FILE).stat().st_size
from octcluster_embedder.models.registry import MODELS
from octcluster_embedder.models.weights import WeightsOptions, find_weights
print(find_weights(MODELS["efficientnet-lite0"], WeightsOptions()).digest)
"""


def test_imports_the_wheels_and_finds_their_data_and_weights(installed: Path, tmp_path: Path) -> None:
    assert len(call(installed / "python", "-c", ASK, where=tmp_path).strip()) >= 32


@pytest.mark.parametrize(
    "program", ["octcluster", "octcluster-embedder", "octcluster-clusterer", "octcluster-gateway"]
)
def test_each_program_starts(installed: Path, program: str, tmp_path: Path) -> None:
    assert f"{program} " in call(installed / program, "--help", where=tmp_path)


def test_clusters_images_on_servers_of_its_own(installed: Path, tmp_path: Path) -> None:
    octcluster = installed / "octcluster"
    call(octcluster, "phantoms", "scans", "--images-per-class", "6", where=tmp_path)
    options = ["--model", "pixels", "--no-umap", "--stability", "0", "--cache-dir", "cache"]
    call(octcluster, "run", "scans", "--out", "out", *options, where=tmp_path)
    assert (tmp_path / "out" / "assignments.csv").read_text().count("\n") == 1 + 4 * 6
    report = (tmp_path / "out" / "report.html").read_text()
    pages = REPOSITORY / "client" / "src" / "octcluster" / "outputs" / "pages"
    for data in ("page.css", "page.js"):
        line = max((pages / data).read_text().splitlines(), key=len)
        assert line in report, data
