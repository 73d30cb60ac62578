"""The commands audit verify, reidentify and erase, on files as the gateway leaves them."""

import io
import json
import os
import pwd
from pathlib import Path

import numpy as np
import pytest
from dicom_files import make_frames, write_opt
from eye_results import make_result
from octcluster_gateway.audit.chain import verify
from octcluster_gateway.audit.events import AuditEvent, EventKind, Participant
from octcluster_gateway.audit.log import AuditLog
from octcluster_gateway.audit.sent import note_sent, read_sent
from octcluster_gateway.cli.main import run_command
from octcluster_gateway.model import State
from octcluster_gateway.pseudonyms.identity_map import Identity, IdentityMap
from octcluster_gateway.pseudonyms.pseudonyms import Pseudonyms
from octcluster_gateway.results.json_lines import JsonLines, format_result
from octcluster_gateway.spool.opening import open_index
from octcluster_gateway.spool.spool import Spool, SpoolLimits
from processes import free_port

_KEY = "0123456789abcdef" * 4
_SECRET = "s" * 32
_PSEUDONYMS = Pseudonyms(_SECRET.encode())
_UID = "1.2.826.0.1.3680043.10.511.13"
_LIMITS = SpoolLimits(0, 2**30)


class Site:
    """The folders and secrets of a site, with objects of two patients; the last one was not processed yet."""

    def __init__(self, folder: Path) -> None:
        self.spool, self.results = folder / "spool", folder / "results"
        self.key, self.secret = folder / "map.key", folder / "secret"
        for file, text in ((self.key, _KEY), (self.secret, _SECRET)):
            file.write_text(text)
            file.chmod(0o600)
        self.flags = ["--spool", str(self.spool), "--map-key-file", str(self.key)]
        self._send()
        self._process()

    def erase(self, *arguments: str) -> int:
        more = ["--results", str(self.results), "--secret-file", str(self.secret)]
        return run_command(["erase", *self.flags, *more, *arguments])

    def _send(self) -> None:
        for number, patient in enumerate(("P-0012", "P-0013", "P-0012"), 1):
            names = {
                0x00080018: ("UI", f"{_UID}.{number}"),
                0x0020000D: ("UI", f"{_UID}.9{number}"),
                0x00100020: ("LO", patient),
                0x00100010: ("PN", f"Roe^{patient}"),
            }
            path = self.spool / "objects" / f"object-{number}"
            write_opt(path, make_frames(1).astype(np.uint8), changes=names)

    def _process(self) -> None:
        spool, lines = Spool(self.spool, _LIMITS), JsonLines(self.results)
        with IdentityMap(self.spool / "identities.sqlite", bytes.fromhex(_KEY)) as identities:
            for number, patient in ((1, "P-0012"), (2, "P-0013")):
                study, pseudonym = f"{_UID}.9{number}", _PSEUDONYMS.patient(patient)
                spool_id = spool.index.find(f"{_UID}.{number}")[0].instance.spool_id
                spool.index.note_names(spool_id, pseudonym, study, f"{_UID}.8")
                result = format_result(make_result(spool_id=spool_id, patient=pseudonym))
                spool.index.finish(spool_id, State.DONE, "", [("OD", result)])
                who = Identity("patient", {"PatientID": patient, "PatientName": "Roe"})
                identities.remember(pseudonym, who)
                identities.remember(_PSEUDONYMS.study(study), Identity("study", {"StudyInstanceUID": study}))
        lines.write_unwritten(spool.index)
        lines.close()
        spool.close()

    @property
    def audit(self) -> str:
        verify(self.spool / "audit.jsonl")
        return (self.spool / "audit.jsonl").read_text()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    path = tmp_path / "audit.jsonl"
    with AuditLog(path) as log:
        for _ in range(3):
            log.record(AuditEvent(EventKind.STARTED, (Participant("OCTCLUSTER"),)))
    return path


def test_verify_prints_what_a_later_one_can_ask_for(
    log_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["audit", "verify", str(log_file)]) == 0
    noted = capsys.readouterr().out.strip()
    assert noted.startswith("3:")
    assert run_command(["audit", "verify", str(log_file), "--noted", noted]) == 0
    log_file.write_bytes(b"".join(log_file.read_bytes().splitlines(keepends=True)[:2]))
    assert run_command(["audit", "verify", str(log_file)]) == 0
    assert run_command(["audit", "verify", str(log_file), "--noted", noted]) == 1
    assert "line 3 does not have the digest that was noted" in capsys.readouterr().err


def test_verify_names_the_line_with_a_changed_byte(
    log_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = log_file.read_text().splitlines(keepends=True)
    log_file.write_text(lines[0] + lines[1].replace("OCTCLUSTER", "OCTCLUSTEP") + lines[2])
    assert run_command(["audit", "verify", str(log_file)]) == 1
    assert "octcluster-gateway: line 2 does not follow" in capsys.readouterr().err


def test_rotated_log_is_verified_as_one(
    log_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, flags = tmp_path / "2026.jsonl", ["--spool", str(tmp_path)]
    with AuditLog(log_file) as serving:
        assert run_command(["audit", "rotate", *flags, str(old)]) == 0
        moved = capsys.readouterr().out.strip()
        serving.record(AuditEvent(EventKind.STARTED, (Participant("AFTERWARDS"),)))
    assert old.read_bytes().count(b"\n") == 3
    assert b"AFTERWARDS" in log_file.read_bytes()
    assert b"110129" in log_file.read_bytes()
    assert run_command(["audit", "verify", str(old), str(log_file), "--noted", moved]) == 0
    assert capsys.readouterr().out.startswith("5:")
    assert run_command(["audit", "verify", str(log_file), "--after", moved]) == 0
    assert run_command(["audit", "verify", str(log_file)]) == 1  # it does not say what was before
    assert "line 1 does not follow" in capsys.readouterr().err
    assert run_command(["audit", "rotate", *flags, str(old)]) == 2  # it would be overwritten
    old.write_text(old.read_text().replace("OCTCLUSTER", "OCTCLUSTEP"))
    assert run_command(["audit", "verify", str(old), str(log_file)]) == 1
    assert "line 1 of 2026.jsonl" in capsys.readouterr().err


def test_log_that_waits_for_the_collector_is_not_rotated(
    log_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = log_file.stat()
    note_sent(log_file, found.st_size - 1, found.st_ino)
    command = ["audit", "rotate", "--spool", str(tmp_path), str(tmp_path / "old")]
    assert run_command(command) == 2
    assert "wait for the collector" in capsys.readouterr().err
    note_sent(log_file, found.st_size, found.st_ino)
    assert run_command(command) == 0
    assert read_sent(log_file) == 0


@pytest.mark.parametrize("arguments", [["nowhere.jsonl"], [], ["audit.jsonl", "--noted", "3"]])
def test_verify_without_a_log_is_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code: object = run_command(["audit", "verify", *arguments])
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert capsys.readouterr().err


def test_identity_is_told_and_the_audit_log_holds_who_asked(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    pseudonym = _PSEUDONYMS.patient("P-0012")
    assert run_command(["reidentify", *site.flags, pseudonym]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "pseudonym": pseudonym,
        "kind": "patient",
        "PatientID": "P-0012",
        "PatientName": "Roe",
    }
    user = pwd.getpwuid(os.getuid()).pw_name
    for part in (
        f'UserID=\\"{user}\\"',
        'csd-code=\\"110110\\"',
        'ActionCode=\\"R\\"',
        "P-0012",
        pseudonym,
    ):
        assert part in site.audit


def test_unknown_pseudonym_is_told_and_accounted_for(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["reidentify", *site.flags, "0" * 32]) == 1
    assert "is not in the map" in capsys.readouterr().err
    assert 'EventOutcomeIndicator=\\"4\\"' in site.audit


def test_identity_is_not_told_without_the_audit_log(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    (site.spool / "audit.jsonl").write_text("no log\n")
    assert run_command(["reidentify", *site.flags, _PSEUDONYMS.patient("P-0012")]) == 1
    assert capsys.readouterr().out == ""


def test_other_key_reads_no_identity(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.key.write_text("f" * 64)
    assert run_command(["reidentify", *site.flags, _PSEUDONYMS.patient("P-0012")]) == 1
    assert "cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["P-0012", "-"])
def test_erasing_leaves_nothing_of_the_patient_and_all_of_others(
    site: Site, given: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("P-0012\n"))
    assert site.erase(given) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["objects"], told["results"], told["identities"], told["vectors"]) == (2, 1, 2, 0)
    assert "backups" in told["left"]
    pseudonym, other = _PSEUDONYMS.patient("P-0012"), _PSEUDONYMS.patient("P-0013")
    texts = ["P-0012", pseudonym, _PSEUDONYMS.uid(f"{_UID}.91"), *(f"{_UID}.{n}" for n in (1, 3, 91, 93))]
    for path in [*site.spool.rglob("*"), *site.results.rglob("*")]:
        if path.is_file() and path.name != "audit.jsonl":
            content = path.read_bytes()
            assert [text for text in texts if text.encode() in content] == [], path.name
    assert [path.name for path in (site.spool / "objects").iterdir()] == ["object-2"]
    lines = [json.loads(line) for line in (site.results / "eyes.jsonl").read_text().splitlines()]
    assert [line["patient"] for line in lines] == [other]
    with IdentityMap(site.spool / "identities.sqlite", bytes.fromhex(_KEY)) as identities:
        assert identities.find(other) is not None
    assert site.audit.count('csd-code=\\"110105\\"') == 2  # one for each study
    assert site.audit.count('ActionCode=\\"D\\"') == 3


def test_another_key_opens_the_map_afterwards(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    pseudonym, new = _PSEUDONYMS.patient("P-0012"), site.key.with_name("new.key")
    new.write_text("0" * 64)
    new.chmod(0o600)
    assert run_command(["rekey", *site.flags, "--new-map-key-file", str(new)]) == 0
    assert capsys.readouterr().out == "4\n"
    assert run_command(["rekey", *site.flags, "--new-map-key-file", str(new)]) == 1  # the old key is none now
    assert run_command(["reidentify", *site.flags, pseudonym]) == 1
    assert run_command(["reidentify", *site.flags[:2], "--map-key-file", str(new), pseudonym]) == 0
    assert json.loads(capsys.readouterr().out)["PatientID"] == "P-0012"
    assert "sealed with another key" in site.audit


def test_erasing_once_more_finds_nothing(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert site.erase("P-0012") == 0
    deletions = site.audit.count('ActionCode=\\"D\\"')
    capsys.readouterr()
    assert site.erase("P-0012") == 1
    told = capsys.readouterr()
    assert (told.out, "nothing is held of such a patient here: check the ID" in told.err) == ("", True)
    assert site.audit.count('ActionCode=\\"D\\"') == deletions


@pytest.mark.parametrize("wrong", ["P-9999", "P-0012 --issuer Elsewhere"])
def test_erasing_nothing_is_told_and_not_accounted_for(
    site: Site, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert site.erase(*wrong.split()) == 1
    assert "nothing is held of such a patient here" in capsys.readouterr().err
    assert not (site.spool / "audit.jsonl").exists()
    assert len(list((site.spool / "objects").iterdir())) == 3
    assert (site.results / "eyes.jsonl").read_text().count("\n") == 2


@pytest.mark.parametrize("patient", ["P-0012", "P-0013"])
def test_another_secret_erases_nothing(site: Site, patient: str, capsys: pytest.CaptureFixture[str]) -> None:
    other = site.secret.with_name("other")
    other.write_text("t" * 32)
    other.chmod(0o600)
    # An object of P-0012 waits: its header tells whose it is, whatever the secret.
    assert site.erase(patient, "--secret-file", str(other)) == 1
    assert "--secret-file is not the one that this spool was served with" in capsys.readouterr().err
    assert not (site.spool / "audit.jsonl").exists()
    assert len(list((site.spool / "objects").iterdir())) == 3
    assert site.erase(patient) == 0
    assert json.loads(capsys.readouterr().out)["objects"] == (2 if patient == "P-0012" else 1)


@pytest.mark.parametrize("flag", ["--spool", "--results", "--copies-folder"])
def test_misspelled_folder_is_refused_before_anything_is_removed(
    site: Site, flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert site.erase("P-0012", flag, str(tmp_path / "misspelled")) == 2
    assert f"{flag} {tmp_path / 'misspelled'} is no " in capsys.readouterr().err
    assert not (tmp_path / "misspelled").exists()
    assert not (site.spool / "audit.jsonl").exists()
    assert len(list((site.spool / "objects").iterdir())) == 3
    assert (site.results / "eyes.jsonl").read_text().count("\n") == 2


def test_copies_of_the_patient_are_erased(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, other = (tmp_path / "copies" / _PSEUDONYMS.patient(name) for name in ("P-0012", "P-0013"))
    for folder in (own, other):
        (folder / "2.25.1").mkdir(parents=True)
        (folder / "2.25.1/2.25.2.dcm").touch()
    assert site.erase("P-0012", "--copies-folder", str(tmp_path / "copies")) == 0
    assert json.loads(capsys.readouterr().out)["copies"] == 1
    assert not own.exists()
    assert len(list(other.rglob("*.dcm"))) == 1


def test_nothing_is_erased_while_vectors_cannot_be(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    index = open_index(site.spool)
    spool_id = index.find(f"{_UID}.1")[0].instance.spool_id
    index.note_image_keys([(spool_id, bytes(32))])
    assert site.erase("P-0012", "--clusterer", f"127.0.0.1:{free_port()}") == 1
    assert "nothing is erased" in capsys.readouterr().err
    assert len(list((site.spool / "objects").iterdir())) == 3
    assert index.list_image_keys([spool_id]) == [bytes(32)]
    index.close()


def test_nothing_is_erased_while_the_gateway_serves(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    serving = Spool(site.spool, _LIMITS)
    try:
        assert site.erase("P-0012") == 2
    finally:
        serving.close()
    assert "another process serves it" in capsys.readouterr().err
    assert (site.spool / "objects" / "object-1").exists()


@pytest.mark.parametrize("typed", ["", "  \n"])
def test_nobody_is_no_patient(
    site: Site, typed: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert site.erase("-") == 2
    assert "give the Patient ID" in capsys.readouterr().err
