"""What stands in the place of identifiers: always the same, and opaque without the site's secret."""

import hashlib
import hmac

from octcluster_gateway.errors import UnusableSecret

_SHORTEST_SECRET = 32
_LONGEST_SHIFT_DAYS = 3650


class Pseudonyms:
    """Makes pseudonyms by HMAC-SHA256 under the site's secret.

    Each kind has a domain of its own: a patient and a UID of the same text have pseudonyms that do not match.
    All UIDs share one domain, because DICOM refers to studies, series and instances by the same attributes.

    Args:
        secret: The site's secret, at least 32 bytes.

    Raises:
        UnusableSecret: The secret is too short.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < _SHORTEST_SECRET:
            raise UnusableSecret(
                f"the site's secret has {len(secret)} bytes and needs at least {_SHORTEST_SECRET}: "
                "make one with openssl rand -hex 32"
            )
        self._secret = secret

    def patient(self, text: str) -> str:
        """The pseudonym of a patient, 32 hexadecimal digits.

        Args:
            text: What identifies the patient at the site; spaces around it do not count, as in DICOM.
        """
        return self._digest("patient", text.strip()).hex()[:32]

    def uid(self, uid: str) -> str:
        """The UID that stands in the place of another one: ``2.25.`` and a number of 128 bits."""
        number = int.from_bytes(self._digest("uid", uid.strip().rstrip("\0"))[:16])
        return f"2.25.{number}"

    def study(self, uid: str) -> str:
        """The pseudonym of a study: its UID in de-identified copies."""
        return self.uid(uid)

    def series(self, uid: str) -> str:
        """The pseudonym of a series: its UID in de-identified copies."""
        return self.uid(uid)

    def instance(self, uid: str) -> str:
        """The pseudonym of an instance: its UID in de-identified copies."""
        return self.uid(uid)

    def image_key_secret(self) -> bytes:
        """The secret of image keys, where the site sets none: who has an image cannot look for its key."""
        return self._digest("image keys", "")

    def shift_days(self, patient: str) -> int:
        """By how many days the dates of a patient are shifted: into the past, by 1 to 3650 days.

        Args:
            patient: As for ``patient``: all dates of one patient are shifted alike.
        """
        number = int.from_bytes(self._digest("dates", patient.strip())[:8])
        return -(1 + number % _LONGEST_SHIFT_DAYS)

    def _digest(self, domain: str, text: str) -> bytes:
        return hmac.digest(self._secret, f"octcluster {domain}\0{text}".encode(), hashlib.sha256)
