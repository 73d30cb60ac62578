"""Everything that can go wrong in the gateway, and what becomes of it.

    GatewayError
    ├── CannotStart             a setting cannot be used: correct it          → exit code 2
    ├── CannotListen            an address is in use, or not this machine's   → exit code 1
    ├── InstanceNotFound        the spool holds no such object                → exit code 1
    ├── PatientNotFound         nothing is held of such a patient             → exit code 1
    ├── Refused                 an object is not taken; the sender keeps it   → its DICOM status
    │   ├── SpoolFull           the spool has no room                         → A700
    │   ├── ObjectTooLarge      the object is above the limit                 → A700
    │   └── UnusableObject      its UIDs are no UIDs, or do not fit           → A900, C000
    ├── Unprocessable           an object that was taken cannot be processed  → quarantine
    │   ├── CannotDeidentify    nobody knows what a value of it holds
    │   └── IdentityLeftBehind  its copy still names somebody
    ├── ServiceAway             embedder or clusterer do not answer           → retried with backoff
    ├── NotSent                 a destination did not take an object          → retried with backoff
    ├── UnusableSecret          a secret or key is too short                  → exit code 2
    ├── IdentityUnreadable      the key of the identity map is another one    → exit code 1
    └── AuditBroken             the audit log was changed                     → exit code 1

Anything else is a fault of the gateway: the sender gets C001 and keeps the object, or the object goes into
quarantine with a generic reason; the log has the traceback.

Messages reach people: they say what to do next, and name no patient and no UID.
"""

from typing import ClassVar


class GatewayError(Exception):
    """Base of all errors of the gateway.

    Attributes:
        exit_code: With what a command ends that meets it.
    """

    exit_code: ClassVar[int] = 1


class CannotStart(GatewayError):
    """A setting cannot be used; the message names it."""

    exit_code = 2


class CannotListen(GatewayError):
    """An address is in use, or not of this machine."""


class InstanceNotFound(GatewayError):
    """The spool holds no object with this number."""


class PatientNotFound(GatewayError):
    """Nothing is held of such a patient."""


class Refused(GatewayError):
    """An object is not taken; whoever sent it still has it.

    Attributes:
        status: The status that the sender gets, PS3.4 table B.2-1.
    """

    status: ClassVar[int] = 0xC001


class SpoolFull(Refused):
    """The disk of the spool is nearly full."""

    status = 0xA700


class ObjectTooLarge(Refused):
    """The object has more bytes than allowed."""

    status = 0xA700


class UnusableObject(Refused):
    """The object is none, or is not the one that was announced."""

    status = 0xC000


class Unprocessable(GatewayError):
    """An object cannot be processed; trying again would not help."""


class ServiceAway(GatewayError):
    """A service does not answer, or cannot do it now; trying again may help."""


class CannotDeidentify(Unprocessable):
    """An object cannot be de-identified with certainty."""


class IdentityLeftBehind(Unprocessable):
    """A de-identified copy still holds what should be gone; the message names attributes."""


class NotSent(GatewayError):
    """A destination did not take an object; trying again may help."""


class UnusableSecret(GatewayError):
    """A secret or a key cannot be used."""

    exit_code = 2


class IdentityUnreadable(GatewayError):
    """An identity in the map cannot be read."""


class AuditBroken(GatewayError):
    """The audit log does not hold what was once written.

    Attributes:
        line: The number of the line, from 1; None: unknown.
    """

    def __init__(self, line: int | None, message: str) -> None:
        super().__init__(message)
        self.line = line
