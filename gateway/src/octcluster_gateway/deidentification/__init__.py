"""De-identified copies of DICOM objects, by PS3.15 Annex E."""
