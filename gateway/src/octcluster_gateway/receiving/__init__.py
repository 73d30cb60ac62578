"""How objects come: by DICOM from the peers on a list."""
