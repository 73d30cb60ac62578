"""What is read out of file names, and what is left alone."""

import pytest
from octcluster.images.naming.file_names import FileName, read_file_name, read_spoken_name
from octcluster.images.readers.reader import Eye


@pytest.mark.parametrize(
    ("stem", "label", "patient"),
    [
        ("CNV-1016042-1", "CNV", "1016042"),
        ("wet-AMD-11-1", "wet-AMD", "11"),
        ("geographic-atrophy-4-12", "geographic-atrophy", "4"),
        ("non-AMD-5-1", "non-AMD", "5"),
        ("AMD_011_1", "AMD", "011"),
        ("cnv 12 3", "cnv", "12"),
        ("train_CNV_12_1", "CNV", "12"),
        ("CNV-OD-12-1", "CNV", "12"),
        ("DME-7-left-2", "DME", "7"),
        ("AMD_patient3_1", "AMD", "patient3"),
        ("VMT-A12-3", "VMT", "A12"),
        ("AMD-L5-1", "AMD", "L5"),
        ("DME_KH0032_1", "DME", "KH0032"),
        ("MH12-3", "MH", "12"),
    ],
)
def test_a_finding_and_two_numbers_are_class_and_patient(stem: str, label: str, patient: str) -> None:
    found = read_file_name(stem)
    assert (found.label, found.patient) == (label, patient)


@pytest.mark.parametrize(
    "stem",
    [
        "CNV-1-1 (1)",
        "CNV-1-1(2)",
        "CNV-1-1 (1) (1)",
        "CNV-1-1 - Copy",
        "CNV-1-1 - Copy (2)",
        "CNV-1-1 - Copy - Copy",
        "Copy of CNV-1-1",
        "CNV-1-1 - Kopie",
        "Kopie von CNV-1-1",
        "CNV-1-1 - copia",
        "Copia de CNV-1-1",
        "CNV-1-1 - Copie",
        "CNV-1-1 copy 2",
        "CNV-1-1_copy",
        "CNV-1-1_1",
        "CNV-1-1~1",
        "CNV-1-1 2",
        "CNV-1-1[1]",
        "CNV-1-1 (copy)",
        "CNV-1-1 (3rd copy)",
        "CNV-1-1.jpeg (1)",
        "Copy (2) of CNV-1-1",
        "Kopie (2) von CNV-1-1",
        "CNV-1-1 \u2014 \u043a\u043e\u043f\u0438\u044f",
        "CNV-1-1 - \u526f\u672c",
        "CNV-1-1 - \u30b3\u30d4\u30fc",
        "CNV-1-1_512x496",
        "CNV-1-1-edited",
        "CNV-1-1-flip",
        "CNV-1-1_rot90",
        "CNV-1-1 (Anna's conflicted copy 2024-01-03)",
        "CNV-1-1.sync-conflict-20240103-101010-AB12CD3",
    ],
)
def test_a_copy_keeps_its_class_and_patient(stem: str) -> None:
    assert read_file_name(stem) == FileName("CNV", "1", None)


@pytest.mark.parametrize(
    ("stem", "patient", "eye"),
    [
        ("patient12_OD_3", "patient12", "OD"),
        ("P012_L_05", "P012", "OS"),
        ("sub-01_ses-02_eye-R", "sub-01", "OD"),
        ("Subject 7 left 2", "Subject 7", "OS"),
        ("pat_5_3", "pat_5", None),
        ("ID123-4", "ID123", None),
        ("case12", "case12", None),
        ("OCT_patient12_3", "patient12", None),
        ("CNV_case12_3", "case12", None),
    ],
)
def test_a_word_for_patients_with_a_number_is_a_patient(stem: str, patient: str, eye: Eye | None) -> None:
    found = read_file_name(stem)
    assert (found.patient, found.eye) == (patient, eye)


@pytest.mark.parametrize(
    "stem",
    [
        "Screenshot-2024-01-03-101010",
        "Screenshot 2024-01-03 at 10.10.10",
        "IMG-20240103-WA0001",
        "OCT-2024-01-03-1",
        "CNV-2024-01-03-1",
        "CNV-20240103-1",
        "AMD-03.01.2024-1",
        "scan-001",
        "image_12",
        "DSC_0123",
        "frame-3-17",
        "B-scan-12-1",
        "volume-3-17",
        "Spectralis-12-1",
        "OD-12-1",
        "foo-11-1",
        "Doe-12-1",
        "NORMAL12",
        "NORMAL-12",
        "CNV-v2-1",
        "CNV-img12-1",
        "drusen (3)",
        "CNV-1-2-3",
        "DME-ab-cd-2",
        "P1",
        "page-1-2",
        "P-12-3",
        "10301_OD_1",
        "2021-03-15",
        "a",
        "",
    ],
)
def test_what_is_not_sure_is_no_patient(stem: str) -> None:
    assert read_file_name(stem).patient is None


@pytest.mark.parametrize(
    ("stem", "eye"),
    [
        ("scan_OD_1", "OD"),
        ("10301_left_2", "OS"),
        ("CNV-12-R-1", "OD"),
        ("layer_1_L_2", None),
        ("le_1", None),
        ("AMD-L5-1", None),
    ],
)
def test_an_eye_is_read_where_it_can_be_nothing_else(stem: str, eye: str | None) -> None:
    assert read_file_name(stem).eye == eye


@pytest.mark.parametrize(
    ("stem", "label"),
    [
        ("NORMAL12", "NORMAL"),
        ("CSR3", "CSR"),
        ("drusen (3)", "drusen"),
        ("early_AMD_5", "early_AMD"),
        ("AMD-L5-1", "AMD"),
        ("VMT-A12-3", "VMT"),
        ("DR_Smith_1", None),
        ("page1", None),
        ("scan-CNVx-1", None),
        ("normal", None),
        ("Patient-0001-AMD-OD-01", "AMD"),
        ("0012_macular_hole_left_3", "macular_hole"),
        ("P001_M_65_normal", "normal"),
        ("img003_CNV", "CNV"),
        ("page_3_CNV", None),
        ("P12_early_1", None),
        ("K0012_GA_R", None),
        ("12_Smith_MH", None),
    ],
)
def test_a_finding_among_known_words_is_a_class(stem: str, label: str | None) -> None:
    assert read_file_name(stem).label == label


@pytest.mark.parametrize(
    ("stem", "label", "patient"),
    [
        ("foo-11-1", "foo", "11"),
        ("my-thing-11-1", "my-thing", "11"),
        ("DME-ab-cd-2", "DME", "ab-cd"),
        ("Doe-John-3 (1)", "Doe", "John"),
        ("Screenshot-2024-01-03-101010", None, None),
        ("OD-12-1", None, "12"),
        ("patient12_OD_3", None, "patient12"),
        ("odd", None, None),
    ],
)
def test_whoever_says_that_names_have_the_form_is_believed(
    stem: str, label: str | None, patient: str | None
) -> None:
    found = read_spoken_name(stem)
    assert (found.label, found.patient) == (label, patient)


@pytest.mark.parametrize("stem", ["AMD_visit2_1", "AMD-baseline-3", "AMD_followup_2_17"])
def test_a_visit_behind_the_class_is_no_patient(stem: str) -> None:
    assert read_file_name(stem) == ("AMD", None, None)
