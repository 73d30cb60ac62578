"""Objects whose pixels may show a name. Text in pixels is not found, so such objects get no copy."""

from pydicom.dataset import Dataset

# Classes whose pixels are often made of a screen or a page, with the patient's name in them.
RISKY_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.7": "Secondary Capture Image Storage",
    "1.2.840.10008.5.1.4.1.1.7.1": "Multi-frame Single Bit Secondary Capture Image Storage",
    "1.2.840.10008.5.1.4.1.1.7.2": "Multi-frame Grayscale Byte Secondary Capture Image Storage",
    "1.2.840.10008.5.1.4.1.1.7.3": "Multi-frame Grayscale Word Secondary Capture Image Storage",
    "1.2.840.10008.5.1.4.1.1.7.4": "Multi-frame True Color Secondary Capture Image Storage",
    "1.2.840.10008.5.1.4.1.1.6.1": "Ultrasound Image Storage",
    "1.2.840.10008.5.1.4.1.1.3.1": "Ultrasound Multi-frame Image Storage",
    "1.2.840.10008.5.1.4.1.1.66": "Raw Data Storage",
    "1.2.840.10008.5.1.4.1.1.104.1": "Encapsulated PDF Storage",
    "1.2.840.10008.5.1.4.1.1.104.2": "Encapsulated CDA Storage",
}


def find_burned_in(dataset: Dataset, risky_models: frozenset[str] = frozenset()) -> str | None:
    """Why the pixels of an object may show who the patient is; None: nothing speaks for it.

    Args:
        dataset: The object.
        risky_models: Manufacturer's Model Names of the site's devices that write names into pixels.
    """
    if str(dataset.get("BurnedInAnnotation", "")).upper() == "YES":
        return "it says that its pixels hold text that identifies the patient (Burned In Annotation)"
    name = RISKY_CLASSES.get(str(dataset.get("SOPClassUID", "")))
    if name is not None:
        return f"objects of its class often show the patient's name: {name}"
    if str(dataset.get("ManufacturerModelName", "")).strip() in risky_models:
        return "the site lists its device among those that write names into pixels"
    if any(_is_overlay_in_pixels(dataset, tag) for tag in dataset.keys()):  # noqa: SIM118 - reads no element
        return "an overlay lies in unused bits of its pixels"
    return None


def _is_overlay_in_pixels(dataset: Dataset, tag: int) -> bool:
    """Whether it is an Overlay Bit Position, and not the 0 of an overlay that lies beside the pixels."""
    return tag & 0xFF00FFFF == 0x60000102 and bool(dataset[tag].value)
