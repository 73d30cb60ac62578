"""De-identified copies of what came, into a folder or to one archive.

    file of the spool ─ copy by the table of PS3.15 ─ last check ─▶ folder, or C-STORE

An object that may show a name in its pixels, or whose copy would still name somebody, has no copy; the log
says why.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from pydicom.dataset import Dataset

from octcluster_gateway.audit.accounts import account_copy
from octcluster_gateway.audit.events import Patient, Study
from octcluster_gateway.audit.log import AuditLog
from octcluster_gateway.deidentification.apply import Deidentifier
from octcluster_gateway.errors import CannotDeidentify, CannotStart, NotSent
from octcluster_gateway.pseudonyms.patients import identify_patient
from octcluster_gateway.results.outbox_sender import OutboxSender
from octcluster_gateway.results.sending import Destination, send
from octcluster_gateway.spool.files import sync_folder
from octcluster_gateway.spool.outbox import COPIES, Outbox, Waiting
from octcluster_gateway.spool.reading import read_object
from octcluster_gateway.spool.spool import Spool

MAX_COPIED_BYTES = 1 << 28
"""Larger objects have no copy: one is made in memory."""

Deliver = Callable[[Dataset], None]
"""Takes a copy to where it belongs; it is there when this returns. Raises NotSent."""


class CopySender(OutboxSender):
    """Makes a copy of each object that was processed, until it is stopped.

    Args:
        spool: The spool, with the objects.
        deidentifier: Makes the copies.
        deliver: Takes them to where they belong.
        audit: Is told what was disclosed, of whom.
        names: What sends and what gets the copies, as the audit log calls them.
    """

    def __init__(
        self,
        spool: Spool,
        deidentifier: Deidentifier,
        deliver: Deliver,
        audit: AuditLog,
        names: tuple[str, str],
    ) -> None:
        super().__init__(Outbox(spool.index, COPIES, is_open=True), self._send_copy, "copy")
        self._spool = spool
        self._deidentifier = deidentifier
        self._deliver = deliver
        self._audit = audit
        self._names = names

    def _send_copy(self, waiting: Waiting) -> None:
        stored = self._spool.stored(waiting.entry)
        if stored.path.stat().st_size > MAX_COPIED_BYTES:
            raise CannotDeidentify(
                f"it has more than {MAX_COPIED_BYTES >> 20} MiB, and copies hold it in memory"
            )
        found = read_object(stored.path, with_pixels=True)
        patient_id, study = str(found.get("PatientID") or ""), str(found.get("StudyInstanceUID") or "")
        patient = identify_patient(patient_id, str(found.get("IssuerOfPatientID") or ""))
        self._deliver(self._deidentifier.copy(found, patient or study))
        instances = {str(found.SOPClassUID): (str(found.SOPInstanceUID),)}
        self._audit.record(
            account_copy(
                *self._names,
                Study(study, instances, is_anonymized=True),
                Patient(patient_id, str(found.get("PatientName") or "")),
            )
        )


def send_to(destination: Destination, ae_title: str) -> Deliver:
    """Sends copies to an archive."""
    return lambda copy: send(copy, destination, ae_title)


def write_into(folder: Path) -> Deliver:
    """Writes copies into a folder: patient, study, series and instance, all by pseudonym."""

    def write(copy: Dataset) -> None:
        place = folder / str(copy.PatientID) / str(copy.StudyInstanceUID) / str(copy.SeriesInstanceUID)
        path = place / f"{copy.SOPInstanceUID}.dcm"
        beside = path.with_suffix(".part")
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                copy.save_as(file, enforce_file_format=True)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
            for made in (place, place.parent, place.parent.parent, folder):
                sync_folder(made)
        except OSError as error:
            raise NotSent(f"--copies-folder takes no copy ({error.strerror}): look at its disk") from error

    return write


def remove_copies(folder: Path, patient: str) -> int:
    """Removes the copies of a patient from a folder; returns their number.

    Args:
        folder: Where ``write_into`` wrote them.
        patient: Pseudonym of the patient.

    Raises:
        CannotStart: The folder cannot be written.
    """
    place = folder / patient
    count = sum(1 for _ in place.rglob("*.dcm"))
    try:
        shutil.rmtree(place)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise CannotStart(f"--copies-folder {folder} cannot be written: {error.strerror}") from error
    return count
