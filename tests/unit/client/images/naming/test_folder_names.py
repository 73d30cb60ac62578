"""What single names of folders say."""

import pytest
from octcluster.images.naming.folder_names import Role, read_folder_name


@pytest.mark.parametrize(
    ("role", "names"),
    [
        (
            Role.CLASS,
            "CNV|cnv |wet-AMD|WetAMD|early AMD|No DR|non-proliferative DR|macular hole|stage 3|class_0|VMT",
        ),
        (
            Role.CLASS,
            "AMD patients|Healthy controls|AMD & DME|glaucoma suspect|AMD group|CNV (150)|01_CNV|DME+|ERM_OS",
        ),
        (
            Role.CLASS,
            "Gesunde Augen|Feuchte AMD|Makulaödem|DMLA exsudative|oedeme maculaire|DMAE humeda|sanos|gezond",
        ),
        (Role.NUMBERED_CLASS, "AMD1|AMD 15|DR3|NORMAL_007"),
        (
            Role.CLASS_AND_PATIENT,
            "Pat001 - AMD|Subject_7_macular_hole_OS|CNV-1016042|AMD_subject1|AMD patient 3",
        ),
        (
            Role.PATIENT,
            "patient1|Patient 12|subject_3|sub-01|pat7|P001|p1|ID123|case4|patient1_OD|PID-0012",
        ),
        (Role.PATIENT, "paciente 3|Patientin_7|sujet 01|paziente12"),
        (Role.PATIENT, "Farsiu_2013_AMD_Subject_1000|Study 3 patient 12"),
        (Role.NUMBER, "1|10301|007"),
        (Role.CODE, "KH0032|A12|1.2.840.10008.5.1.4|550e8400-e29b-41d4-a716-446655440000"),
        (Role.EYE, "OD|os|left eye|RightEye|L|R|OS_2|oculus dexter"),
        (
            Role.VISIT,
            "2024-01-03|03.01.2024|2024-01|Jan 2024|visit1|V2|ses-01|baseline|month 12|follow-up|first visit",
        ),
        (Role.SPLIT, "train|Training set|test2|fold1|fold_2|set_a|SetB|val|hold-out set|cv3"),
        (Role.DEVICE, "Spectralis|Cirrus HD-OCT|Topcon 3D OCT|Heidelberg_Spectralis|device 2 Zeiss"),
        (Role.MASKS, "masks|labels|ground_truth|Segmentation|overlays|image masks|GT|Layer_Masks|CNV_mask"),
        (
            Role.CONTENT,
            "png|8bitTIFFs|224x224|images|B-scans|OCT|OCT2017 |data_2020|batch1|Site A|New folder (2)|NA|?",
        ),
        (Role.UNKNOWN, "Doe|Doe_John|groupA|A|DR Smith|=1+1|not CNV|patients|TRAIN001|male|S3|CNVx"),
    ],
)
def test_roles_by_name(role: Role, names: str) -> None:
    assert {name: read_folder_name(name).role for name in names.split("|")} == dict.fromkeys(
        names.split("|"), role
    )


@pytest.mark.parametrize(
    ("name", "value", "eye"),
    [
        ("01_CNV", "CNV", None),
        ("CNV (150)", "CNV", None),
        ("AMD (wet)", "AMD (wet)", None),
        ("DME-", "DME-", None),
        ("train_CNV", "CNV", None),
        ("normal_left", "normal", "OS"),
        ("AMD1", "AMD", None),
        ("right eye", "OD", None),
        ("patient1_OD", "patient1", "OD"),
        ("001-L", "001", "OS"),
        ("Pat001 - AMD - OD", "AMD", "OD"),
        ("OCT_left", "OCT", "OS"),
        ("right_images", "images", "OD"),
        ("Spectralis OD", "Spectralis", "OD"),
        ("OCT_R", "OCT", "OD"),
        ("2024-01-03_OS", "2024-01-03", "OS"),
        ("20240103 OD", "20240103", "OD"),
        ("10301 OD", "10301", "OD"),
        ("OD_10301", "10301", "OD"),
        ("Site R", "Site R", None),
        ("OCT left right", "OCT left right", None),
        ("Nguyen Le", "Nguyen Le", None),
        ("Linkes Auge", "OS", None),
        ("œil droit", "OD", None),
        ("ojo izquierdo", "OS", None),
        ("Patient 3 rechtes Auge", "Patient 3", "OD"),
    ],
)
def test_values_by_name(name: str, value: str, eye: str | None) -> None:
    found = read_folder_name(name)
    assert (found.value, found.eye) == (value, eye)
