"""What tells one patient from others."""


def identify_patient(patient_id: str, issuer: str) -> str:
    """The Patient ID with its issuer, if that is known; empty: no patient is named."""
    return f"{patient_id}^^^{issuer}" if patient_id and issuer else patient_id
