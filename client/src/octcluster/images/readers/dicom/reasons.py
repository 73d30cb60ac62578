"""Words that several reasons have in common."""

EXPORT_AGAIN = "export the file again from its source"
DAMAGED = f"the DICOM file is damaged, for example cut short: {EXPORT_AGAIN}"
