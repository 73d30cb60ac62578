"""The patients on both sides of a line by name, for pages that may name them."""

from octcluster.images.leaks import Leaks
from octcluster.outputs.pages import Table


def tabulate_patients(leaks: Leaks) -> Table | None:
    """The patients in more than one class or split; None if there are none."""
    rows = [
        [patient, line, ", ".join(values)]
        for line, patients in (("classes", leaks.patients_in_classes), ("splits", leaks.patients_in_splits))
        for patient, values in patients.items()
    ]
    header = ["patient", "in several", "which"]
    return Table("patients-table", "Patients in several classes or splits", header, rows) if rows else None
