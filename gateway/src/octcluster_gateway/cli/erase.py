"""``octcluster-gateway erase PATIENT``: removes all that is held of a patient, vectors in the cache as well.

The vectors go first: while the clusterer is away, nothing is removed, and the image keys are still known.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Sequence

from octcluster.clients.clusterer import ClustererClient
from octcluster.model.errors import OctclusterError

from octcluster_gateway.audit.accounts import account_erasure
from octcluster_gateway.audit.events import Patient, Study
from octcluster_gateway.audit.log import AuditLog
from octcluster_gateway.cli.users import current_user
from octcluster_gateway.command_settings import EraseSettings
from octcluster_gateway.errors import CannotStart, PatientNotFound, ServiceAway, Unprocessable
from octcluster_gateway.processing.headers import read_header
from octcluster_gateway.pseudonyms.identity_map import IdentityMap
from octcluster_gateway.pseudonyms.patients import identify_patient
from octcluster_gateway.pseudonyms.pseudonyms import Pseudonyms
from octcluster_gateway.results.copy_sender import remove_copies
from octcluster_gateway.results.json_lines import has_results, remove_results
from octcluster_gateway.spool.entries import Entry
from octcluster_gateway.spool.opening import IDENTITIES_NAME, open_index
from octcluster_gateway.spool.spool import Spool, SpoolLimits

_NOT_FOUND = "nothing is held of such a patient here: check the ID, --issuer and --secret-file"
_OTHER_PSEUDONYMS = "nothing is erased: --secret-file is not the one that this spool was served with"
_LEFT = "not removed: backups; reports and copies that were sent elsewhere; the audit log"


def run(arguments: list[str]) -> int:
    """Removes objects, results and identities, and prints their numbers; returns the exit code.

    Raises:
        GatewayError: The gateway runs, something cannot be used, or nothing is held of the patient.
    """
    settings = EraseSettings.load(arguments)
    patient_id = (sys.stdin.readline() if settings.patient == "-" else settings.patient).strip()
    if not patient_id:
        raise CannotStart("give the Patient ID as the objects have it")
    patient = identify_patient(patient_id, settings.issuer)
    pseudonyms = Pseudonyms(settings.secret_file.read_bytes().strip())
    pseudonym = pseudonyms.patient(patient)
    _check_folders(settings)
    spool = Spool(settings.spool, SpoolLimits(min_free_bytes=0, max_object_bytes=0))
    try:
        with IdentityMap(settings.spool / IDENTITIES_NAME, settings.read_map_key()) as identities:
            _check_secret(spool, identities, pseudonyms)
            _name_unnamed(spool, patient, pseudonym)
            entries = spool.index.list_patient(pseudonym)
            studies = _list_studies(entries)
            if not (entries or pseudonym in identities or _has_files(settings, pseudonym)):
                raise PatientNotFound(_NOT_FOUND)
            vectors = _delete_vectors(spool, entries, settings)
            with AuditLog(settings.audit_file) as log:
                for event in account_erasure(current_user(), Patient(patient_id), studies):
                    log.record(event)
            results = remove_results(settings.results, pseudonym)
            for entry in entries:
                spool.remove_file(entry)
            spool.index.erase([entry.instance.spool_id for entry in entries])
            known = [pseudonym, *(pseudonyms.study(study.uid) for study in studies)]
            forgotten = sum(identities.forget(name) for name in known)
    finally:
        spool.close()
    removed = {"objects": len(entries), "results": results, "identities": forgotten, "vectors": vectors}
    copies = 0 if settings.copies_folder is None else remove_copies(settings.copies_folder, pseudonym)
    print(json.dumps({**removed, "copies": copies, "left": _LEFT}))
    return 0


def _check_folders(settings: EraseSettings) -> None:
    """Raises CannotStart if a folder is not there: a misspelled one would seem to hold nothing."""
    open_index(settings.spool).close()
    for flag, folder in (("--results", settings.results), ("--copies-folder", settings.copies_folder)):
        if folder is not None and not folder.is_dir():
            raise CannotStart(f"{flag} {folder} is no folder: give the one that 'serve' was given")


def _check_secret(spool: Spool, identities: IdentityMap, pseudonyms: Pseudonyms) -> None:
    """Raises PatientNotFound if the pseudonyms of this spool were made with another secret.

    Objects that wait would be found by their headers all the same, and the patient would be half erased.
    """
    studies = spool.index.list_studies()
    if studies and len(identities) and not any(pseudonyms.study(study) in identities for study in studies):
        raise PatientNotFound(_OTHER_PSEUDONYMS)


def _has_files(settings: EraseSettings, pseudonym: str) -> bool:
    """Whether results or copies of a patient are there."""
    copies = settings.copies_folder
    return has_results(settings.results, pseudonym) or (copies is not None and (copies / pseudonym).exists())


def _delete_vectors(spool: Spool, entries: Sequence[Entry], settings: EraseSettings) -> int:
    """Removes the vectors of these objects' images from the clusterer's cache; returns their number.

    Raises:
        ServiceAway: The clusterer cannot do it now.
    """
    keys = spool.index.list_image_keys([entry.instance.spool_id for entry in entries])
    if not keys:
        return 0
    try:
        with ClustererClient(
            settings.clusterer, retry_seconds=0, tls=settings.services_tls, token=settings.clusterer_token
        ) as clusterer:
            return clusterer.delete_vectors(keys)
    except OctclusterError as error:
        raise ServiceAway(
            f"nothing is erased, since the vectors cannot be removed from the clusterer's cache: {error}"
        ) from error


def _name_unnamed(spool: Spool, patient: str, pseudonym: str) -> None:
    """Finds objects of the patient among those that were not looked at yet."""
    for entry in spool.index.list_patient(""):
        try:
            header = read_header(spool.stored(entry).path)
        except Unprocessable:
            continue
        if header.patient == patient:
            spool.index.note_names(entry.instance.spool_id, pseudonym, header.study, header.series)


def _list_studies(entries: Sequence[Entry]) -> list[Study]:
    instances: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        instance = entry.instance
        instances[instance.study][instance.sop_class].append(instance.sop_instance)
    return [
        Study(uid, {name: tuple(uids) for name, uids in classes.items()})
        for uid, classes in instances.items()
    ]
