"""Structured reports: valid, true, of the right patient, and for research use only."""

import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import Element, make_frames, write_opt
from eye_results import make_result
from machine import dciodvfy, need
from octcluster_gateway.deidentification.apply import Deidentifier
from octcluster_gateway.pseudonyms.pseudonyms import Pseudonyms
from octcluster_gateway.results.structured_report import RESEARCH_USE, make_report
from pydicom import dcmread
from pydicom.dataset import Dataset

_PSEUDONYMS = Pseudonyms(b"s" * 32)


def make_evidence(folder: Path, changes: dict[int, Element | None] | None = None) -> Dataset:
    path = write_opt(folder / "volume.dcm", make_frames(3).astype(np.uint8), changes=changes)
    return dcmread(path, stop_before_pixels=True)


def find_errors(report: Dataset, path: Path) -> list[str]:
    report.save_as(path, enforce_file_format=True)
    done = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True)
    assert "EnhancedSR" in done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("Error")]


def list_items(content: Dataset) -> dict[str, Any]:
    """All items of a report by the meaning of their names: text, number, code or UID."""
    found: dict[str, Any] = {}
    for item in content.get("ContentSequence", []):
        name = item.ConceptNameCodeSequence[0].CodeMeaning
        if item.ValueType == "NUM":
            found[name] = float(item.MeasuredValueSequence[0].NumericValue)
        elif item.ValueType == "CODE":
            code = item.ConceptCodeSequence[0]
            found[name] = (code.CodeValue, code.CodingSchemeDesignator)
        elif item.ValueType == "IMAGE":
            found[name] = item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        else:
            found[name] = item.get("TextValue", item.get("UID"))
        found |= list_items(item)
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"eye": "OS", "cluster": -1},
        {"eye": None, "outlier_share": None, "failed_scans": 0, "margin": 0.0},
        {"cluster": 250, "margin": 1.0, "versions": {}, "outlier_share": 1e-9},
    ],
    ids=["right", "no cluster", "unknown eye", "extremes"],
)
def test_validator_finds_no_error(tmp_path: Path, changes: dict[str, Any]) -> None:
    need(dciodvfy(), "dciodvfy", "apt-get install dicom3tools")
    report = make_report(make_evidence(tmp_path), make_result(**changes), _PSEUDONYMS)
    assert find_errors(report, tmp_path / "report.dcm") == []


def test_validator_finds_a_fault(tmp_path: Path) -> None:
    need(dciodvfy(), "dciodvfy", "apt-get install dicom3tools")
    report = make_report(make_evidence(tmp_path), make_result(), _PSEUDONYMS)
    del report.CompletionFlag
    assert find_errors(report, tmp_path / "report.dcm")


def test_report_says_what_the_result_says(tmp_path: Path) -> None:
    evidence = make_evidence(tmp_path)
    items = list_items(make_report(evidence, make_result(), _PSEUDONYMS))
    assert items["Cluster of a run without labels"] == ("cluster-2", "99OCTCLUSTER")
    assert items["How sure the cluster is, from 0 to 1"] == 0.123457
    assert items["Share of B-scans far from the mean of their cluster"] == 0.333333
    assert items["Number of B-scans that were placed"] == 3
    assert items["Number of B-scans that were not placed"] == 1
    assert items["Finding Site"] == ("81745001", "SCT")
    assert items["Laterality"] == ("24028007", "SCT")
    assert items["Algorithm Version"] == "model efficientnet-lite0, octcluster 0.1.0"
    assert items["Algorithm Parameters"] == f"SHA-256 of the run's file {'ab' * 32}"
    assert items["Source of Measurement"] == evidence.SOPInstanceUID
    assert items["Comment"] == RESEARCH_USE


@pytest.mark.parametrize(("eye", "code"), [("OD", "24028007"), ("OS", "7771000"), (None, None)])
def test_eye_is_told_by_its_code(tmp_path: Path, eye: str | None, code: str | None) -> None:
    items = list_items(make_report(make_evidence(tmp_path), make_result(eye=eye), _PSEUDONYMS))
    assert items.get("Laterality", (None,))[0] == code


def test_class_of_a_cluster_is_no_finding(tmp_path: Path) -> None:
    report = make_report(make_evidence(tmp_path), make_result(), _PSEUDONYMS)
    assert "DRUSEN" not in str(report)


def test_report_belongs_to_the_study_of_the_object(tmp_path: Path) -> None:
    evidence = make_evidence(tmp_path)
    report = make_report(evidence, make_result(), _PSEUDONYMS)
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "StudyDate"):
        assert report[keyword].value == evidence[keyword].value
    assert report.SeriesInstanceUID != evidence.SeriesInstanceUID
    assert (report.CompletionFlag, report.VerificationFlag) == ("PARTIAL", "UNVERIFIED")
    assert "research use only" in report.SeriesDescription


def test_report_of_a_copy_names_the_pseudonym_alone(tmp_path: Path) -> None:
    need(dciodvfy(), "dciodvfy", "apt-get install dicom3tools")
    original = dcmread(write_opt(tmp_path / "volume.dcm", make_frames(1).astype(np.uint8)))
    original.PatientName = "Roe^Jane"
    copy = Deidentifier(_PSEUDONYMS).copy(original, "P-0012")
    report = make_report(copy, make_result(), _PSEUDONYMS)
    assert find_errors(report, tmp_path / "report.dcm") == []
    content = (tmp_path / "report.dcm").read_bytes()
    assert report.PatientID == _PSEUDONYMS.patient("P-0012")
    assert report.PatientIdentityRemoved == "YES"
    for text in (b"Jane", b"P-0012", b"20240131", b"1.2.826.0.1.3680043.10.511.12."):
        assert text not in content


def test_same_result_has_the_same_uid_and_others_have_others(tmp_path: Path) -> None:
    evidence = make_evidence(tmp_path)
    reports = [
        make_report(evidence, make_result(**changes), _PSEUDONYMS)
        for changes in ({}, {}, {"eye": "OS"}, {"model_sha256": "cd" * 32})
    ]
    uids = [str(report.SOPInstanceUID) for report in reports]
    assert uids[0] == uids[1]
    assert len(set(uids)) == 3
    assert len({str(report.SeriesInstanceUID) for report in reports}) == 1


def test_object_that_tells_little_gets_a_report(tmp_path: Path) -> None:
    need(dciodvfy(), "dciodvfy", "apt-get install dicom3tools")
    nothing: dict[int, Element | None] = dict.fromkeys(
        (0x00080020, 0x00080030, 0x00080050, 0x00080090, 0x00100010, 0x00100030, 0x00100040, 0x00200010)
    )
    report = make_report(make_evidence(tmp_path, nothing), make_result(), _PSEUDONYMS)
    assert find_errors(report, tmp_path / "report.dcm") == []


def test_object_with_values_that_are_not_allowed_gets_a_report(tmp_path: Path) -> None:
    need(dciodvfy(), "dciodvfy", "apt-get install dicom3tools")
    faults: dict[int, Element | None] = {
        0x00080020: ("DA", "31.01.2024"),
        0x00080030: ("TM", "10:15"),
        0x00100010: ("PN", "Jane Roe"),
        0x00100030: ("DA", "19500231"),
        0x00100040: ("CS", "female"),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = make_report(make_evidence(tmp_path, faults), make_result(), _PSEUDONYMS)
        assert find_errors(report, tmp_path / "report.dcm") == []
    assert str(report.PatientName) == "Jane Roe"
    empty = ("StudyDate", "StudyTime", "PatientBirthDate", "PatientSex")
    assert all(report[keyword].is_empty for keyword in empty)
