"""Objects that came, as events of the audit log: one event for what a peer sent of a study."""

from collections import defaultdict
from collections.abc import Iterable

from octcluster_gateway.audit.accounts import account_receipt, account_removal
from octcluster_gateway.audit.events import AuditEvent, Patient, Study
from octcluster_gateway.model import Instance
from octcluster_gateway.processing.headers import Header


def account_objects(objects: Iterable[tuple[Instance, Header]], ae_title: str) -> list[AuditEvent]:
    """The events for objects that came.

    Args:
        objects: The objects with their headers.
        ae_title: AE title of the gateway.
    """
    grouped: dict[tuple[str, str, Patient], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for instance, header in objects:
        key = (instance.calling_ae, header.study, Patient(header.patient_id, header.patient_name))
        grouped[key][instance.sop_class].append(instance.sop_instance)
    return [
        account_receipt(sender, ae_title, Study(study, _freeze(classes)), patient)
        for (sender, study, patient), classes in grouped.items()
    ]


def account_removals(objects: Iterable[tuple[Instance, Patient | None]], ae_title: str) -> list[AuditEvent]:
    """The events for objects whose files the gateway removes, one for each study.

    Args:
        objects: The objects with their patients, as far as these are known.
        ae_title: AE title of the gateway.
    """
    grouped: dict[tuple[str, Patient | None], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for instance, patient in objects:
        grouped[instance.study, patient][instance.sop_class].append(instance.sop_instance)
    return [
        account_removal(ae_title, Study(study, _freeze(classes)), patient)
        for (study, patient), classes in grouped.items()
    ]


def _freeze(classes: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {sop_class: tuple(uids) for sop_class, uids in classes.items()}
