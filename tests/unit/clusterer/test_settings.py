"""Settings that only the clusterer has, and that a bad one stops the start and names itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from octcluster_clusterer import memory
from octcluster_clusterer.memory import find_usable_memory_bytes
from octcluster_clusterer.settings import Settings
from octcluster_clusterer.store.opening import VectorPlace


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("OCTCLUSTER_CLUSTERER_"):
            monkeypatch.delenv(name)


def test_defaults() -> None:
    settings = Settings.load([])
    assert settings.listen == "127.0.0.1:50052"
    assert settings.redis_url == "redis://127.0.0.1:6379/0"
    assert settings.redis_password_file is None
    assert settings.read_redis_password() is None
    assert settings.redis_timeout_seconds == 5
    assert settings.max_message_bytes == 64 * 2**20
    assert settings.max_keys_per_message == 8192
    assert settings.max_members == 2_000_000
    assert settings.max_queued_runs == 16
    assert settings.memory_limit == int(0.8 * find_usable_memory_bytes())
    assert settings.run_ttl_seconds == 7 * 24 * 3600
    assert settings.grace_seconds == 30
    assert settings.log_level == "info"
    assert not settings.reflection
    assert not settings.check_health


@pytest.mark.parametrize(
    "url",
    ["redis://h:6379/0", "rediss://u@h:6380/1?ssl_ca_certs=/ca.pem", "unix:///run/redis.sock", "redis://h"],
)
def test_good_redis_urls(url: str) -> None:
    assert Settings.load(["--redis-url", url]).redis_url == url


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--redis-url", "http://h:6379"),
        ("--redis-url", "redis://"),
        ("--redis-url", "redis://h:port/0"),
        ("--redis-url", "redis://h:99999/0"),
        ("--redis-url", "unix://"),
        ("--redis-url", "redis://[::1/0"),
        ("--redis-password-file", "/nowhere/at/all"),
        ("--redis-password-file", "/"),
        ("--redis-timeout-seconds", "0"),
        ("--redis-timeout-seconds", "nan"),
        ("--max-keys-per-message", "0"),
        ("--max-members", "many"),
        ("--memory-limit", "0"),
        ("--memory-limit", "80%"),
        ("--memory-limit", "much"),
        ("--max-queued-runs", "-1"),
        ("--run-ttl-seconds", "0"),
    ],
)
@pytest.mark.parametrize("source", ["flag", "environment"])
def test_a_bad_setting_is_named(
    source: str, flag: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    variable = "OCTCLUSTER_CLUSTERER_" + flag[2:].replace("-", "_").upper()
    arguments = [flag, value]
    if source == "environment":
        monkeypatch.setenv(variable, value)
        arguments = []
    with pytest.raises(SystemExit) as stopped:
        Settings.load(arguments)
    assert stopped.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert f"{flag} ({variable}): " in lines[0]


def test_the_password_comes_from_a_file_and_is_never_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "password"
    file.write_text("correct horse\n")
    file.chmod(0o600)
    settings = Settings.load(["--redis-password-file", str(file)])
    assert settings.read_redis_password() == "correct horse"
    for url in ("redis://:battery@h:6379/0", "redis://h/0?password=battery", "http://:battery@h"):
        with pytest.raises(SystemExit) as stopped:
            Settings.load(["--redis-url", url])
        assert stopped.value.code == 2
        message = capsys.readouterr().err
        assert "--redis-url" in message
        assert ("--redis-password-file" in message) == url.startswith("redis:")
        assert "battery" not in message


@pytest.mark.parametrize(
    "url",
    [
        "file:///data/vectors",
        "s3://bucket",
        "s3://bucket/some/prefix",
        "s3://bucket/p?endpoint_override=minio:9000&scheme=http&region=eu-central-1",
    ],
)
def test_the_place_of_the_vectors_is_redis_unless_parquet_is_asked_for(url: str) -> None:
    redis = ["--redis-url", "redis://h"]
    assert Settings.load(redis).vector_place == VectorPlace("redis://h")
    settings = Settings.load(
        [*redis, "--store", "parquet", "--store-url", url, "--redis-timeout-seconds", "2"]
    )
    assert settings.vector_place == VectorPlace(url, timeout_seconds=2)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://bucket/prefix", "must be file:///FOLDER"),
        ("/data/vectors", "must be file:///FOLDER"),
        ("file://data/vectors", "must be file:///FOLDER"),
        ("file:///", "must be file:///FOLDER"),
        ("file:///data?region=x", "must be file:///FOLDER"),
        ("s3:///prefix", "must be file:///FOLDER"),
        ("s3://bucket/?endpoint=h", "must be file:///FOLDER"),
        ("s3://bucket/?scheme=ftp", "must be file:///FOLDER"),
        ("s3://bucket/?region", "must be file:///FOLDER"),
        ("s3://[::1/p", "must be file:///FOLDER"),
        ("s3://id:battery@bucket/p", "must hold no keys"),
        ("s3://bucket/p?secret_key=battery", "must hold no keys"),
    ],
)
def test_a_bad_place_of_vectors_is_refused_and_not_shown(
    url: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        Settings.load(["--store", "parquet", "--store-url", url])
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("octcluster-clusterer: --store-url (OCTCLUSTER_CLUSTERER_STORE_URL): ")
    assert words in line
    assert "battery" not in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--store", "parquet"], "--store parquet needs --store-url, which must be file:///FOLDER"),
        (["--store-url", "file:///data"], "--store-url is for --store parquet"),
        (["--compact-store"], "--compact-store needs --store parquet and --store-url"),
        (["--store", "disk"], "--store (OCTCLUSTER_CLUSTERER_STORE): input should be 'redis' or 'parquet'"),
    ],
)
def test_store_and_its_url_belong_together(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        Settings.load(arguments)
    assert words in capsys.readouterr().err


def test_parquet_without_its_library_is_refused_with_the_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SystemExit):
        Settings.load(["--store", "parquet", "--store-url", "file:///data"])
    assert "pip install 'octcluster-clusterer[parquet]'" in capsys.readouterr().err


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o602])
def test_a_password_file_that_others_can_read_is_refused_with_the_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: int
) -> None:
    file = tmp_path / "password"
    file.write_text("correct horse\n")
    file.chmod(mode)
    with pytest.raises(SystemExit) as stopped:
        Settings.load(["--redis-password-file", str(file)])
    assert stopped.value.code == 2
    told = capsys.readouterr().err
    assert "--redis-password-file" in told
    assert f"chmod 600 {file}" in told
    assert "correct horse" not in told


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
@pytest.mark.parametrize(("mode", "allowed"), [(0o640, True), (0o600, True), (0o644, False)])
def test_a_password_file_of_another_user_may_be_for_a_group(tmp_path: Path, mode: int, allowed: bool) -> None:
    file = tmp_path / "password"
    file.write_text("correct horse\n")
    file.chmod(mode)
    os.chown(file, 10001, -1)
    if allowed:
        assert Settings.load(["--redis-password-file", str(file)]).read_redis_password() == "correct horse"
    else:
        with pytest.raises(SystemExit):
            Settings.load(["--redis-password-file", str(file)])


def test_an_empty_password_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "password"
    file.write_text("\n")
    file.chmod(0o600)
    with pytest.raises(SystemExit):
        Settings.load(["--redis-password-file", str(file)])
    assert "--redis-password-file" in capsys.readouterr().err


def test_a_health_check_imports_nothing_heavy() -> None:
    program = (
        "import sys; sys.argv = ['x', '--check-health', '--listen', 'unix:/nowhere.sock']\n"
        "from octcluster_clusterer.__main__ import main\n"
        "assert main() == 1\n"
        "print(sorted({'numpy', 'sklearn', 'redis', 'scipy', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
    assert "no answer" in done.stderr


@pytest.mark.parametrize(
    ("value", "n_bytes"), [("3GB", 3 * 10**9), ("2.5GiB", 5 * 2**29), ("3000000000", 3 * 10**9)]
)
def test_the_memory_limit_is_given_with_a_unit_or_in_bytes(value: str, n_bytes: int) -> None:
    assert Settings.load(["--memory-limit", value]).memory_limit == n_bytes


def test_the_limit_of_a_control_group_or_one_above_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    membership = tmp_path / "cgroup"
    monkeypatch.setattr(memory, "_CONTROL_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory, "_MEMBERSHIP", membership)
    assert find_usable_memory_bytes() == physical
    inner = tmp_path / "groups/outer/inner"
    inner.mkdir(parents=True)
    membership.write_text("0::/outer/inner\n")
    (inner / "memory.max").write_text("max\n")
    assert find_usable_memory_bytes() == physical
    (inner.parent / "memory.max").write_text(f"{2**30}\n")
    assert find_usable_memory_bytes() == 2**30
    older = tmp_path / "groups/memory/job"
    older.mkdir(parents=True)
    (older / "memory.limit_in_bytes").write_text(f"{2**29}\n")
    membership.write_text("5:cpu:/\n4:memory:/job\n0::/\n")
    assert find_usable_memory_bytes() == 2**29


def test_help_tells_defaults_in_words_and_not_in_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        Settings.load(["--help"])
    told = capsys.readouterr().out
    assert "--memory-limit" in told
    assert "factory" not in told
    assert "_find_" not in told
