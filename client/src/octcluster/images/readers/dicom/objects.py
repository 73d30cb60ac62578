"""What a DICOM object is, by its SOP class and by what it says of itself."""

from typing import Any, NamedTuple

from octcluster.images.headers import UnreadableImage
from octcluster.images.readers.dicom.reasons import EXPORT_AGAIN

OPHTHALMIC_TOMOGRAPHY = "1.2.840.10008.5.1.4.1.1.77.1.5.4"
_STORAGE = "1.2.840.10008.5.1.4.1.1."
_FUNDUS = "fundus image"
_SECONDARY = "secondary capture"
_UNKNOWN = "DICOM object of an unknown kind"
_REPORT = "structured report"
_PRESENTATION = "presentation state"
_NAMES = {  # by the SOP class without _STORAGE; a name that ends with a dot stands for all below it
    "77.1.5.1": _FUNDUS,
    "77.1.5.2": _FUNDUS,
    "77.1.5.3": "stereometric relationship",
    "77.1.5.5": _FUNDUS,
    "77.1.5.6": _FUNDUS,
    "77.1.5.7": "en face image",
    "77.1.5.8": "B-scan volume analysis",
    "7": _SECONDARY,
    "7.1": _SECONDARY,
    "7.2": _SECONDARY,
    "7.3": _SECONDARY,
    "7.4": _SECONDARY,
    "104.1": "PDF document",
    "104.2": "CDA document",
    "66": "raw data",
    "66.4": "segmentation",
    "81.1": "thickness map",
    "80.1": "visual field",
    "88.59": "key object selection",
    "88.": _REPORT,
    "11.": _PRESENTATION,
    "78.": "ophthalmic measurements",
    "79.1": "ophthalmic measurements",
}
_DIRECTORY = "1.2.840.10008.1.3.10"
_MODALITIES = ("OPT", "OCT")
_TOMOGRAPHY_DEVICES = ("392012008", "A-00FBE")  # SNOMED CT and SRT: optical coherence tomography scanner


class ObjectKind(NamedTuple):
    """What is done with an object.

    Attributes:
        left_out: Its name for people; None: it holds scans.
        warning: What a person should know of that choice; empty: nothing.
    """

    left_out: str | None
    warning: str = ""


def may_hold_scans(sop_class: str) -> bool:
    """Whether objects of this class can hold B-scans at all."""
    return sop_class == OPHTHALMIC_TOMOGRAPHY or _name(sop_class) in (_FUNDUS, _SECONDARY, _UNKNOWN)


def tell_kind(sop_class: str, header: Any) -> ObjectKind:
    """Tells what an object is.

    An object of another kind than Ophthalmic Tomography counts as scans only if it says that it is optical
    coherence tomography; otherwise a photograph of the fundus would be embedded as a B-scan.

    Args:
        sop_class: Its SOP class; empty: it does not tell.
        header: Its header.

    Raises:
        UnreadableImage: It does not say what it is.
    """
    if sop_class == OPHTHALMIC_TOMOGRAPHY:
        return ObjectKind(None)
    if sop_class and not may_hold_scans(sop_class):
        return ObjectKind(_name(sop_class))
    name = _name(sop_class) if sop_class else _UNKNOWN
    if str(header.get("Modality") or "").strip().upper() in _MODALITIES or (
        name == _SECONDARY and _has_tomography_device(header)
    ):
        return ObjectKind(
            None,
            f"A {name} that says that it is optical coherence tomography was taken as B-scans: look at it, "
            "it may be a page or a map",
        )
    if not sop_class:
        raise UnreadableImage(f"the DICOM file does not say what kind of object it is: {EXPORT_AGAIN}")
    if name == _SECONDARY:
        return ObjectKind(
            name,
            "A secondary capture that does not say that it is a B-scan was left out: if it is one, export it "
            "as Ophthalmic Tomography or as PNG",
        )
    return ObjectKind(name)


def _has_tomography_device(header: Any) -> bool:
    devices = header.get("AcquisitionDeviceTypeCodeSequence") or ()
    return any(str(device.get("CodeValue") or "") in _TOMOGRAPHY_DEVICES for device in devices)


def _name(sop_class: str) -> str:
    """The name of an object for people."""
    if sop_class == _DIRECTORY:
        return "DICOM index (DICOMDIR)"
    below = sop_class.removeprefix(_STORAGE)
    if below in _NAMES:
        return _NAMES[below]
    for beginning, name in _NAMES.items():
        if beginning.endswith(".") and below.startswith(beginning):
            return name
    return _standard_name(sop_class)


def _standard_name(sop_class: str) -> str:
    """The standard's own name; a class that is not in it is never quoted: a file can put anything there."""
    from pydicom.uid import UID  # noqa: PLC0415

    name = UID(sop_class).name
    return name.removesuffix(" Storage") if name != sop_class else _UNKNOWN
