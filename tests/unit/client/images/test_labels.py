"""Classes, patients, eyes and splits: what is taken from folders and file names, and what stays open."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from octcluster.images.image_set import Scan
from octcluster.images.labels import Labelling, label_images
from octcluster.images.readers.reader import ScanFacts
from octcluster.model.errors import InvalidImageSet


def files(*names: str) -> list[Scan]:
    return [Scan(Path("/images"), name) for name in names]


def folders(*paths: str, images: int = 9) -> list[Scan]:
    return files(*(f"{path}/{number}.png" for path in paths for number in range(images)))


def label(labels: str, *names: str) -> tuple[list[str | None], str]:
    labelled, source, *_ = label_images(files(*names), labels)
    return [image.label for image in labelled], source


def classes(found: Labelling) -> set[str | None]:
    return {image.label for image in found.images}


def patients(found: Labelling) -> set[str | None]:
    return {image.patient for image in found.images}


def kinds(found: Labelling) -> list[str]:
    return [note.kind for note in found.notes]


def test_folder_is_that_of_the_classes_at_any_depth() -> None:
    found = label("folder", "train/CNV/a.png", "test/CNV/b.png", "DME/c.png", "d.png")
    assert found == (["CNV", "CNV", "DME", None], "folder")


def test_filename_gives_disease_and_patient() -> None:
    labelled, source, *_ = label_images(
        files("x/CNV-12-1.jpeg", "DME-ab-cd-2.png", "my-thing-7-1.png", "other.png"), "filename"
    )
    assert source == "filename"
    assert [(i.label, i.patient) for i in labelled] == [
        ("CNV", "12"), ("DME", "ab-cd"), ("my-thing", "7"), (None, None),
    ]  # fmt: skip


def test_none_keeps_the_patient_but_no_label() -> None:
    labelled, source, *_ = label_images(files("CNV/CNV-12-1.jpeg", "CNV/CNV-13-1.jpeg"), "none")
    assert (labelled[0].label, labelled[0].patient, source) == (None, "12", "none")


@pytest.mark.parametrize(
    ("names", "source"),
    [
        ([f"{name}/{i}.png" for name in ("CNV", "DME") for i in range(5)], "folder"),
        ([f"{name}/{i}.png" for name in ("CNV", "DME") for i in range(2)], "folder"),
        ([f"{name}/{i}.png" for name in ("Doe", "Roe") for i in range(4)], "none"),
        ([f"{name}/{i}.png" for name in ("Doe", "Roe") for i in range(400)], "none"),
        ([f"{name}/x-{name}-{i}.png" for name in ("Doe", "Roe") for i in range(9)], "none"),
        (["CNV/CNV-1-1.png", "CNV/CNV-2-1.png", "DME/DME-3-1.png"], "folder"),
        (["one/CNV-1-1.png", "one/DME-2-1.png"], "filename"),
        (["CNV-1-1.png", "DME-2-1.png"], "filename"),
        (["CNV-1-1.png", "CNV-2-1.png"], "none"),
        (["CNV-1-1.png", "DME-2-1.png", "odd.png"], "none"),
        ([f"CNV-{i}-1.png" for i in range(20)] + ["DME-1-1.png", "odd.png"], "filename"),
        (["NORMAL1.jpg", "CSR12.jpg", "MH3.jpg"], "filename"),
        (["Doe-1-1.png", "Roe-2-1.png"], "none"),
        (["2021-03-15.png", "2022-03-15.png"], "none"),
        ([f"patient{i}/scan.png" for i in range(51)], "none"),
        (["a.png", "b.png"], "none"),
    ],
)
def test_auto_takes_the_first_source_that_is_sure(names: list[str], source: str) -> None:
    assert label("auto", *names)[1] == source


@pytest.mark.parametrize("source", ["folder", "filename", "folder:1"])
def test_a_source_without_any_label_is_refused(source: str) -> None:
    with pytest.raises(InvalidImageSet, match=rf"--labels {source} finds no label: "):
        label(source, "a.png", "b.png")


@pytest.mark.parametrize(
    "paths",
    [
        [f"OCT/{10301 + number}" for number in range(40)],
        [f"{10301 + number}" for number in range(40)],
        [f"patient{number}" for number in range(6)],
        [f"Subject {number}" for number in range(6)],
        [f"sub-{number:02}" for number in range(6)],
        [f"P{number:03}" for number in range(6)],
        [f"ID{number}" for number in range(6)],
        [f"pat_{number}/OD/visit1" for number in range(6)],
        [f"2024-01-0{day}/case{day}" for day in range(1, 6)],
        [f"KH00{number}" for number in range(11, 40)],
        [f"train/{number}" for number in range(1, 30)],
        ["patients/P01", "patients/P02", "controls/C01", "controls/C02"],
        ["1.2.840.1000/1.2.3", "1.2.840.1001/1.2.3", "1.2.840.1002/1.2.3"],
    ],
    ids=lambda paths: paths[0],
)
def test_folders_of_patients_are_patients_and_no_classes(paths: Sequence[str]) -> None:
    found = label_images(folders(*paths), "auto")
    assert classes(found) == {None}
    assert found.source == "none"
    assert len(patients(found) - {None}) == len(paths)


@pytest.mark.parametrize(
    "paths",
    [
        ["train", "test"],
        ["fold1", "fold2", "fold_3"],
        ["set_a", "set_b"],
        ["OD", "OS"],
        ["left eye", "right eye"],
        ["2024-01-03", "2024-02-04", "2025-01-01"],
        ["20240103", "20240204"],
        ["2019", "2020", "2021"],
        ["visit1", "visit2", "baseline"],
        ["Spectralis", "Cirrus HD-OCT", "Topcon 3D OCT"],
        ["png", "tiff"],
        ["images", "masks"],
        ["224x224", "512x496"],
        ["batch1", "batch2"],
        ["Site A", "Site B"],
        ["OD_1", "OS_2"],
    ],
    ids=lambda paths: paths[0],
)
def test_what_is_beside_classes_and_patients_is_neither(paths: Sequence[str]) -> None:
    found = label_images(folders(*paths), "auto")
    assert (classes(found), patients(found), found.source) == ({None}, {None}, "none")
    assert "open_folders" not in kinds(found)


@pytest.mark.parametrize(
    "paths",
    [
        ["groupA", "groupB"],
        ["Doe", "Roe", "Poe"],
        ["1", "2", "3", "4", "5", "6"],
        ["0", "1", "2", "3", "4"],
        ["DR0", "DR1", "DR2", "DR3"],
        ["alpha", "beta"],
        ["male", "female"],
        ["MH", "GA", "JD"],
        ["patients", "controls"],
        ["TRAIN001", "TRAIN002", "TRAIN003"],
    ],
    ids=lambda paths: paths[0],
)
def test_where_it_is_not_sure_nothing_is_taken_and_one_sentence_has_the_cure(paths: Sequence[str]) -> None:
    found = label_images(folders(*paths, images=60), "auto")
    assert (classes(found), patients(found), found.source) == ({None}, {None}, "none")
    (note,) = [note for note in found.notes if note.kind == "open_folders"]
    assert note.to_mend
    assert f"the {len(paths)} folders of level 1 are" in note.text
    assert "--labels folder:1" in note.text
    assert "--labels FILE.csv" in note.text
    assert not any(path in note.text.split() for path in paths if not path.isdecimal())
    assert classes(label_images(folders(*paths), "folder:1")) == set(paths)
    assert classes(label_images(folders(*paths), "folder")) == set(paths)


@pytest.mark.parametrize(
    ("paths", "labels"),
    [
        (["CNV/OD", "DME/OS"], {"CNV", "DME"}),
        (["train/CNV", "val/DME", "test/CNV"], {"CNV", "DME"}),
        (["P001/CNV", "P001/NORMAL", "P002/CNV"], {"CNV", "NORMAL"}),
        (["OCT2017 /train/CNV", "OCT2017 /test/Normal"], {"CNV", "Normal"}),
        (["sick", "well"], {"sick", "well"}),
        (["Healthy/subject1", "AMD/patient1"], {"Healthy", "AMD"}),
        (["wet AMD", "dry-AMD", "Geographic_Atrophy"], {"wet AMD", "dry-AMD", "Geographic_Atrophy"}),
        (["CSR/2024-01-03", "macular hole/2024-01-04", "VMT"], {"CSR", "macular hole", "VMT"}),
        (["01_CNV", "02_DME (150)"], {"CNV", "DME"}),
        (["class_0", "class_1"], {"class_0", "class_1"}),
        (["No DR", "Mild", "PDR", "Severe NPDR"], {"No DR", "Mild", "PDR", "Severe NPDR"}),
        (["glaucoma/Spectralis/OD", "control/Cirrus/OS"], {"glaucoma", "control"}),
        (
            ["AMD1/TIFFs/8bitTIFFs", "AMD2/TIFFs/8bitTIFFs", "NORMAL1/TIFFs", "NORMAL2/TIFFs"],
            {"AMD", "NORMAL"},
        ),
        (["CNV/images", "CNV/masks", "DME/images"], {"CNV", "DME"}),
        (["CNV", "DME", "unknown", "NA"], {"CNV", "DME", None}),
        (["AMD group", "control group"], {"AMD", "control"}),
        (["Gesund", "Krank"], {"Gesund", "Krank"}),
        (["AMD (n=20)", "AMD (wet)", "Normal [30 eyes]"], {"AMD", "AMD (wet)", "Normal"}),
        (["DR", "MH"], {"DR", "MH"}),
        (["AMD_left", "AMD_right", "normal_left"], {"AMD", "normal"}),
        (["CNV", "DME", "patient7"], {"CNV", "DME", None}),
        (["CNV", "DME", "Rare thing"], {"CNV", "DME", "Rare thing"}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, list) else "",
)
def test_known_findings_make_a_level_that_of_the_classes(
    paths: Sequence[str], labels: set[str | None]
) -> None:
    found = label_images(folders(*paths), "auto")
    assert (classes(found), found.source) == (labels, "folder")


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["AMD/patient1", "HEALTHY/subject1"], {"patient1", "subject1"}),
        (["AMD/1", "AMD/2", "HEALTHY/1", "HEALTHY/2"], {"AMD/1", "AMD/2", "HEALTHY/1", "HEALTHY/2"}),
        (["AMD/patient1", "HEALTHY/patient1"], {"AMD/patient1", "HEALTHY/patient1"}),
        (["AMD/10301", "AMD/10302", "HEALTHY/10301"], {"10301", "10302"}),
        (["AMD/1", "HEALTHY/1"], {"AMD/1", "HEALTHY/1"}),
        (["Data/UMN/AMD/1", "Data/UMN/AMD/2", "Data/UMN/DME/1"], {"AMD/1", "AMD/2", "DME/1"}),
        (
            ["Site A/AMD/P1", "Site B/AMD/P1", "Site B/DME/P2"],
            {"Site A/AMD/P1", "Site B/AMD/P1", "Site B/DME/P2"},
        ),
        (["AMD1/png", "AMD2/png", "NORMAL1/png"], {"AMD1", "AMD2", "NORMAL1"}),
        (["P001/CNV/OD", "P001/DME/OS", "P002/CNV/OD"], {"P001", "P002"}),
        (["AMD/patient1_OD", "AMD/patient1_OS", "DME/patient2_OD"], {"patient1", "patient2"}),
        (["AMD/AMD_1000", "AMD/AMD_1001", "Control/Control_1000"], {"AMD_1000", "AMD_1001", "Control_1000"}),
        (["train/CNV/patient1", "test/CNV/patient1", "test/DME/patient2"], {"patient1", "patient2"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_short_numbers_below_several_classes_are_several_people(
    paths: Sequence[str], expected: set[str]
) -> None:
    found = label_images(folders(*paths), "auto")
    assert patients(found) == expected
    (note,) = [note for note in found.notes if note.kind == "patients"]
    assert ("taken for other people in each" in note.text) == any("/" in patient for patient in expected)


def test_eyes_visits_devices_and_splits_are_read() -> None:
    names = ("train/CNV/2024-01-03/OD/Spectralis/a.png", "test/DME/visit 2/left/Cirrus/b.png")
    first, second = label_images(files(*names), "auto").images
    assert (first.split, first.eye, first.visit, first.device) == ("train", "OD", "2024-01-03", "Spectralis")
    assert (second.split, second.eye, second.visit, second.device) == ("test", "OS", "visit 2", "Cirrus")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train/CNV/a.jpeg", "train"),
        ("OCT2017/Test/DME/a.jpeg", "Test"),
        ("fold 3/test/CNV/a.jpeg", "fold 3"),
        ("train_CNV/a.jpeg", "train"),
        ("CNV/a.jpeg", None),
        ("training.jpeg", None),
        ("CNV/test", None),
    ],
)
def test_a_split_is_the_outermost_folder_that_is_called_so(name: str, split: str | None) -> None:
    assert label_images(files(name), "auto").images[0].split == split


def test_what_the_file_tells_goes_before_its_name_and_its_folders() -> None:
    facts = ScanFacts(patient="77", eye="OS", visit="2020-02-02", device="Maker X")
    scans = [
        replace(scan, facts=facts, number=1) for scan in files("CNV/OD/CNV-12-1.dcm#1", "DME/OD/x.dcm#1")
    ]
    found = label_images(scans, "auto").images[0]
    assert (found.patient, found.eye, found.visit, found.device) == ("77", "OS", "2020-02-02", "Maker X")
    assert found.label == "CNV"


def test_an_anonymous_patient_of_a_file_is_none() -> None:
    scans = [
        replace(scan, facts=ScanFacts(patient=patient), number=1)
        for scan, patient in zip(
            files("a.dcm#1", "b.dcm#1", "c.dcm#1"), ("ANONYMOUS", "Anonymized", "7"), strict=True
        )
    ]
    assert [image.patient for image in label_images(scans, "auto").images] == [None, None, "7"]


def test_one_id_in_all_files_is_a_placeholder_where_folders_name_several_patients() -> None:
    facts = ScanFacts(patient="Study-01")
    scans = [
        replace(scan, facts=facts, number=1) for scan in files("AMD/patient1/a.vol#1", "GA/patient2/b.vol#1")
    ]
    found = label_images(scans, "auto")
    assert patients(found) == {"patient1", "patient2"}
    assert "patient_placeholder" in kinds(found)
    assert patients(label_images([scans[0], replace(scans[1], facts=ScanFacts(patient="7"))], "auto")) == {
        "Study-01",
        "7",
    }


def test_patients_of_folders_and_of_names_that_do_not_match_are_told() -> None:
    names = [f"patient{folder}/CNV-{name}-1.png" for folder, name in ((1, 11), (1, 12), (2, 11), (2, 12))]
    found = label_images(files(*names), "auto")
    assert patients(found) == {"patient1", "patient2"}
    assert "patient_conflict" in kinds(found)
    same = label_images(
        files("patient1/CNV-11-1.png", "patient1/CNV-11-2.png", "patient2/CNV-12-1.png"), "auto"
    )
    assert "patient_conflict" not in kinds(same)


def test_one_patient_for_all_tells_nothing() -> None:
    found = label_images(folders("patient1/OD", "patient1/OS"), "auto")
    assert patients(found) == {None}
    assert [note.text for note in found.notes if note.kind == "patients"] == [
        "No patient is taken: the names give all images the same one, which tells nothing."
    ]


def test_what_was_taken_is_told_with_numbers_and_examples_but_no_names_in_the_text() -> None:
    names = [
        f"train/{c}/{c}-{p}-{i}.png" for c, p in (("CNV", 111), ("CNV", 222), ("DME", 333)) for i in range(3)
    ]
    found = label_images(files(*names), "auto")
    told = {note.kind: note for note in found.notes}
    assert told["classes"].text == "Classes: 2 (CNV, DME), known for 9 images, from folder names."
    assert told["patients"].text.startswith("Patients: 3, known for 9 images, from file names. A run by the")
    assert told["patients"].examples == [
        "111 (train/CNV/CNV-111-0.png)", "222 (train/CNV/CNV-222-0.png)", "333 (train/DME/DME-333-0.png)",
    ]  # fmt: skip
    assert not any(patient in note.text for note in found.notes for patient in ("111", "222", "333"))
    assert not any(note.to_mend for note in found.notes)


def test_spellings_of_a_class_are_one_class_named_by_the_most_frequent() -> None:
    found = label_images(
        [*folders("CNV"), *folders("cnv", "CNV ", "C.N.V", "\uff23\uff2e\uff36", images=1), *folders("DME")],
        "auto",
    )
    assert classes(found) == {"CNV", "DME"}
    assert "label_spellings" in kinds(found)


def test_classes_that_hardly_differ_or_mean_the_same_are_named() -> None:
    found = label_images(folders("CNV", "NORMAL", "NORMLA", "Healthy"), "auto")
    told = [note.text for note in found.notes if note.to_mend]
    assert any("NORMAL and NORMLA hardly differ" in text for text in told)
    assert any("Healthy and NORMAL may mean the same" in text for text in told)


def test_masks_and_names_of_another_class_are_to_be_mended() -> None:
    found = label_images(
        files("CNV/images/1.png", "CNV/masks/1.png", "DME/CNV-12-1.png", "DME/DME-13-1.png"), "auto"
    )
    told = {note.kind: note for note in found.notes if note.to_mend}
    assert (told["masks"].images, told["label_disagreement"].images) == (1, 1)


def test_several_levels_that_may_be_classes_are_listed() -> None:
    scans = folders("alpha/foo", "alpha/bar", "beta/foo")
    with pytest.raises(InvalidImageSet, match=r"folder:1 \(alpha, beta\) or folder:2 \(foo, bar\)"):
        label_images(scans, "folder")
    assert classes(label_images(scans, "folder:2")) == {"foo", "bar"}


def test_folder_never_makes_patients_classes_unless_told_their_level() -> None:
    scans = folders("patient1", "patient2")
    with pytest.raises(InvalidImageSet, match=r"no folder below IMAGES looks like a class.*folder:1"):
        label_images(scans, "folder")
    assert classes(label_images(scans, "folder:1")) == {"patient1", "patient2"}


def test_codes_that_names_share_stay_open() -> None:
    found = label_images(
        files(*(f"KH{code:04}_OD_{i}.png" for code in range(30, 36) for i in range(3))), "auto"
    )
    assert patients(found) == {None}
    (note,) = [note for note in found.notes if note.kind == "open_names"]
    assert "share 6 codes in their names" in note.text
    assert {image.eye for image in found.images} == {"OD"}


def test_names_whose_form_is_known_but_not_their_words_stay_open() -> None:
    scans = files(
        *(f"{word}-{patient}-{i}.png" for word in ("foo", "bar") for patient in (11, 12) for i in "123")
    )
    found = label_images(scans, "auto")
    assert (classes(found), patients(found)) == ({None}, {None})
    (note,) = [note for note in found.notes if note.kind == "open_names"]
    assert "--labels filename" in note.text
    assert classes(label_images(scans, "filename")) == {"foo", "bar"}


def test_codes_stay_open_beside_classes_that_names_tell() -> None:
    names = (f"{code:04}_{word}_OD_{i}.png" for code, word in enumerate(["AMD", "NORMAL"] * 3) for i in "12")
    found = label_images(files(*names), "auto")
    assert (classes(found), patients(found), found.source) == ({"AMD", "NORMAL"}, {None}, "filename")
    assert "open_names" in kinds(found)


@pytest.mark.parametrize(
    "shape", ["{year}/{patient}/{label}", "{year}/{label}/{patient}", "{label}/{patient}/{year}"]
)
def test_years_are_visits_though_ids_are_as_long(shape: str) -> None:
    names = [
        f"{shape.format(year=year, patient=patient, label=label)}/{scan}.png"
        for year in range(2021, 2025)
        for patient, label in ((5551, "CNV"), (5552, "NORMAL"), (6001, "CNV"))
        for scan in range(2)
    ]
    found = label_images(files(*names), "auto")
    assert (classes(found), patients(found)) == ({"CNV", "NORMAL"}, {"5551", "5552", "6001"})
    assert {image.visit for image in found.images} == {"2021", "2022", "2023", "2024"}


@pytest.mark.parametrize("second", ["Normal2", "Normal 2", "Normal_2"])
def test_a_second_folder_of_a_class_is_no_patient(second: str) -> None:
    folders = ("Normal", second, "Glaucoma")
    scans = ("pt3_1", "pt3_2", "pt4_1", "pt4_2")
    names = [f"{folder}/{scan}.jpeg" for folder in folders for scan in scans]
    found = label_images(files(*names), "auto")
    assert classes(found) == {"Normal", "Glaucoma"}
    assert patients(found) == {"Normal/pt3", "Normal/pt4", "Glaucoma/pt3", "Glaucoma/pt4"}


@pytest.mark.parametrize(
    ("names", "found_classes", "found_patients", "eyes", "visits", "splits"),
    [
        (
            [f"Gesund/Pat_{p}/links/Besuch {v}/1.png" for p in range(4) for v in (1, 2)]
            + ["Krank/Pat_9/rechts/Besuch 1/1.png"],
            {"Gesund", "Krank"},
            5,
            {"OD", "OS"},
            {"Besuch 1", "Besuch 2"},
            {None},
        ),
        (
            [f"entrenamiento/paciente {p}/{e}/DMAE/1.png" for p in range(4) for e in ("OD", "OI")]
            + ["prueba/paciente 7/OI/sanos/1.png"],
            {"DMAE", "sanos"},
            5,
            {"OD", "OS"},
            {None},
            {"entrenamiento", "prueba"},
        ),
        (
            [f"DMLA humide/sujet {p}/{e}/visite 1/1.png" for p in range(4) for e in ("OD", "OG")]
            + ["sains/sujet 8/OG/visite 2/1.png"],
            {"DMLA humide", "sains"},
            5,
            {"OD", "OS"},
            {"visite 1", "visite 2"},
            {None},
        ),
    ],
    ids=["German", "Spanish", "French"],
)
def test_folders_in_other_languages_are_read(
    names: list[str],
    found_classes: set[str],
    found_patients: int,
    eyes: set[str],
    visits: set[str | None],
    splits: set[str | None],
) -> None:
    found = label_images(files(*names), "auto")
    assert (classes(found), len(patients(found))) == (found_classes, found_patients)
    assert {image.eye for image in found.images} == eyes
    assert {image.visit for image in found.images} == visits
    assert {image.split for image in found.images} == splits
    assert "open_folders" not in kinds(found)


@pytest.mark.parametrize(
    ("paths", "found_patients"),
    [
        (["001_AMD", "002_AMD", "003_NORMAL", "004_NORMAL"], {"001", "002", "003", "004"}),
        (["01_AMD", "02_DME", "03_NORMAL"], {None}),
        (["1_AMD", "2_AMD", "1_NORMAL", "2_NORMAL"], {"AMD/1", "AMD/2", "NORMAL/1", "NORMAL/2"}),
        (["Pat001 - AMD - OD", "Pat001 - Normal - OS", "Pat002 - AMD - OD"], {"Pat001", "Pat002"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_folder_may_name_class_and_patient(paths: list[str], found_patients: set[str | None]) -> None:
    found = label_images(folders(*paths), "auto")
    assert patients(found) == found_patients
    assert found.source == "folder"


def test_short_patients_of_file_names_count_anew_in_each_class() -> None:
    scans = files(
        *(f"{word}-{patient}-{i}.png" for word in ("AMD", "DME") for patient in "123" for i in "12")
    )
    found = label_images(scans, "auto")
    assert patients(found) == {f"{word}/{patient}" for word in ("AMD", "DME") for patient in "123"}
    (note,) = [note for note in found.notes if note.kind == "patients"]
    assert "taken for other people in each" in note.text
    below = files(*(f"{word}/patient{n}_{i}.png" for word in ("amd", "DME") for n in "123" for i in "12"))
    assert len(patients(label_images(below, "auto"))) == 6
    long = files(*(f"{word}-{1000 + n}-{i}.png" for word in ("AMD", "DME") for n in range(3) for i in "12"))
    assert patients(label_images(long, "auto")) == {"1000", "1001", "1002"}


def texts(found: Labelling) -> dict[str, str]:
    return {note.kind: note.text for note in found.notes}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("GA/healthy-7-1.png", True),
        ("control/DME-7-1.png", True),
        ("GA/CNV-7-1.png", False),
        ("GA/scan-7-1.png", False),
        ("control/Normal-7-1.png", False),
    ],
)
def test_a_file_name_that_contradicts_its_folder_is_told_though_it_names_no_class_of_these(
    name: str, *, told: bool
) -> None:
    found = label_images(files(name, *(f"{c}/{i}.png" for c in ("GA", "control") for i in range(3))), "auto")
    assert classes(found) == {"GA", "control"}
    assert ("label_disagreement" in kinds(found)) is told


@pytest.mark.parametrize(
    ("aside", "kind"),
    [
        ("Fundus/GA/1.png", "pictures"),
        ("GA/FAF images/1.png", "pictures"),
        ("GA/P1_OD_infrared.png", "pictures"),
        ("GA/7 IR.png", "pictures"),
        ("GA/1_seg.png", "masks"),
        ("GA/overlay-1.png", "masks"),
        ("GA/1.mask.png", "masks"),
    ],
)
def test_what_is_no_scan_by_its_name_is_told(aside: str, kind: str) -> None:
    scans = [f"{c}/{name}.png" for c in ("GA", "control") for name in ("1", "IR and OCT", "segment_1")]
    assert not {"masks", "pictures"} & set(kinds(label_images(files(*scans), "auto")))
    found = label_images(files(*scans, aside), "auto")
    (note,) = [note for note in found.notes if note.kind in ("masks", "pictures")]
    assert (note.kind, note.images, note.to_mend, list(note.examples)) == (kind, 1, True, [aside])


@pytest.mark.parametrize("paths", [("ERM",), ("train/DME", "test/DME"), ("GA/P1", "GA/P2"), ("RVO", "None")])
def test_a_lone_class_is_told_and_not_taken(paths: Sequence[str]) -> None:
    found = label_images(folders(*paths), "auto")
    assert classes(found) == {None}
    assert "folders name one finding alone" in texts(found)["lone_class"]


def test_eyes_that_are_glued_to_numbers_are_no_other_patients() -> None:
    found = label_images(folders("AMD/101R", "AMD/101L", "AMD/102R", "healthy/203L"), "auto")
    assert patients(found) == {"101", "102", "203"}
    assert {image.eye for image in found.images} == {"OD", "OS"}
    found = label_images(folders("AMD/101R", "AMD/102R", "healthy/203R"), "auto")  # R may be anything
    assert patients(found) == {"101R", "102R", "203R"}


@pytest.mark.parametrize("counted", ["Part {}", "images{}", "batch_{}", "(set {})", "OD {}", "visit{}"])
def test_numbers_of_parts_are_no_patients(counted: str) -> None:
    found = label_images(
        folders(*(f"{c} {counted.format(n)}" for c in ("AMD", "DME") for n in (1, 2))), "auto"
    )
    assert (classes(found), patients(found)) == ({"AMD", "DME"}, {None})


def test_the_class_that_a_name_repeats_need_not_be_known() -> None:
    names = [
        f"{c}/{c.lower()}_{p}_{i}.jpg" for c in ("NO", "GA", "DME") for p in (70011, 70012) for i in (1, 2)
    ]
    assert patients(label_images(files(*names), "auto")) == {"70011", "70012"}
    names = ["Xy/xyz_12_1.png", "Xy/Xy-2024-01-03-1.png", "Zz/zz_5.png"]
    assert patients(label_images(files(*names), "folder:1")) == {None}


@pytest.mark.parametrize("split", ["vld", "OCT_train", "test scans", "bscans-val"])
def test_splits_may_say_what_is_in_them(split: str) -> None:
    found = label_images(folders(f"{split}/GA", "train/DME"), "auto")
    assert {image.split for image in found.images} == {split, "train"}
    assert "open_folders" not in kinds(found)


def test_codes_behind_the_class_are_told() -> None:
    names = [
        f"{c}_{p}_0{d}022020_R_1.png" for c, p in (("CSC", 88441), ("CSC", 88442), ("GA", 99)) for d in (1, 2)
    ]
    found = label_images(files(*names), "auto")
    assert (classes(found), patients(found)) == ({"CSC", "GA"}, {None})
    assert "share 3 codes" in texts(found)["open_names"]
    names = [f"{c}_2020-01-0{d}_1.png" for c in ("GA", "DME") for d in (1, 2)]
    assert "open_names" not in kinds(label_images(files(*names), "auto"))
