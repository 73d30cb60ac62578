"""QIDO-RS and WADO-RS: the gateway asks an archive for new scans, and fetches what it lacks.

puller ─ QIDO: series of ophthalmic tomography of the last days ─▶ archive
puller ◀─ WADO: each object as the archive keeps it, to the disk as it comes ── archive
"""

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import requests
from dicomweb_client.api import DICOMwebClient
from octcluster_serving.logs import describe_fault

from octcluster_gateway.errors import ServiceAway
from octcluster_gateway.receiving.parts import NotMultipart, PartsIntoSpool, find_boundary
from octcluster_gateway.receiving.uids import is_uid
from octcluster_gateway.spool.spool import Spool

_logger = logging.getLogger(__name__)

_SENDER = "QIDO/WADO"
_MODALITY = "OPT"
_PAGE = 100
_BLOCK_BYTES = 1 << 18
_ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_SERIES, _STUDY, _SOP = "0020000E", "0020000D", "00080018"


@dataclass(frozen=True, slots=True)
class PullOptions:
    """Where the archive is, and what is asked for.

    Attributes:
        url: Base of its web services, such as ``https://pacs/dicom-web``.
        token: What it wants to see; None: nothing.
        ca: Authorities of its certificate; None: the public ones.
        days: Studies of how many days are asked for, today's included.
        every_seconds: How long to wait from one question to the next.
        timeout_seconds: Longest wait for an answer, or for its next bytes.
    """

    url: str
    token: str | None
    ca: Path | None
    days: int
    every_seconds: float
    timeout_seconds: float


class Puller:
    """Fetches new objects into a spool, until it is stopped; one thread.

    Attributes:
        session: What it speaks HTTP with.
    """

    def __init__(self, spool: Spool, options: PullOptions) -> None:
        self._spool = spool
        self._options = options
        self._stopping = threading.Event()
        self.session = _BoundedSession(options.timeout_seconds, options.ca)
        if options.token is not None:
            self.session.headers["Authorization"] = f"Bearer {options.token}"
        self._client = DICOMwebClient(options.url, session=self.session)
        # It would ask an archive that is away for half a minute; the next question comes soon enough.
        self._client.set_http_retry_params(retry=False)

    def stop(self) -> None:
        """Asks ``run`` to return after the object at work."""
        self._stopping.set()

    def run(self) -> None:
        """Asks and fetches, again and again, until ``stop`` is called."""
        while not self._stopping.is_set():
            try:
                kept = self.pull()
                if kept:
                    _logger.info("fetched %d objects", kept)
            except ServiceAway as error:
                _logger.warning("%s: it is asked again later", error)
            self._stopping.wait(self._options.every_seconds)

    def pull(self) -> int:
        """Asks once, and fetches what is new; returns the number of objects that were kept.

        Raises:
            ServiceAway: The archive does not answer as it should; what was fetched before is kept.
        """
        kept = 0
        try:
            for study, series, instance in self._find_new():
                if self._stopping.is_set():
                    break
                kept += self._fetch(study, series, instance)
        except (requests.RequestException, ValueError, KeyError) as error:
            _logger.debug("the archive failed: %s", describe_fault(error))
            raise ServiceAway(
                f"the archive of --pull-url does not answer as it should ({type(error).__name__})"
            ) from None
        return kept

    def _find_new(self) -> Iterator[tuple[str, str, str]]:
        """UIDs of study, series and object that the spool does not know."""
        for study, series in list(self._list_series()):
            for found in self._client.search_for_instances(study, series):
                instance = _read(found, _SOP)
                if is_uid(instance) and not self._spool.index.find(instance):
                    yield study, series, instance

    def _list_series(self) -> Iterator[tuple[str, str]]:
        today = date.today()
        first = today - timedelta(days=self._options.days - 1)
        filters = {"Modality": _MODALITY, "StudyDate": f"{first:%Y%m%d}-{today:%Y%m%d}"}
        offset = 0
        while True:
            page = self._client.search_for_series(search_filters=filters, limit=_PAGE, offset=offset)
            for found in page:
                study, series = _read(found, _STUDY), _read(found, _SERIES)
                if is_uid(study) and is_uid(series):
                    yield study, series
            if len(page) < _PAGE:
                return
            offset += len(page)

    def _fetch(self, study: str, series: str, instance: str) -> int:
        """Fetches one object as the archive keeps it; returns the number that was kept."""
        url = f"{self._options.url.rstrip('/')}/studies/{study}/series/{series}/instances/{instance}"
        with self.session.get(url, headers={"Accept": _ACCEPT}, stream=True) as answer:
            answer.raise_for_status()
            try:
                boundary = find_boundary(answer.headers.get("Content-Type", ""))
                parts = PartsIntoSpool(self._spool, boundary, _SENDER, study)
                _write_all(parts, answer)
            except NotMultipart:
                raise ValueError("no whole message") from None
        if parts.is_cut_off:
            # The next objects must not wait for one that the spool will never take.
            _logger.warning("an object of the archive is not kept: it is much larger than --max-object-bytes")
        refused = [outcome.refusal for outcome in parts.outcomes if outcome.refusal is not None]
        for refusal in refused:
            _logger.warning("an object of the archive is not kept: %s", refusal)
        return len(parts.outcomes) - len(refused)


def _write_all(parts: PartsIntoSpool, answer: requests.Response) -> None:
    """Writes an answer as it comes.

    Raises:
        NotMultipart: It is no whole message, and was not cut off here.
    """
    try:
        try:
            for piece in answer.iter_content(_BLOCK_BYTES):
                parts.write(piece)
        finally:
            parts.close()
    except NotMultipart:
        if not parts.is_cut_off:
            raise


class _BoundedSession(requests.Session):
    """Waits so long for each answer, and for its next bytes; trusts these authorities, whatever is set."""

    def __init__(self, seconds: float, ca: Path | None) -> None:
        super().__init__()
        # The session's own ``verify`` would give way to REQUESTS_CA_BUNDLE.
        self._always = {"timeout": seconds} | ({} if ca is None else {"verify": str(ca)})

    def request(self, *args: Any, **options: Any) -> requests.Response:
        """See requests.Session."""
        return super().request(*args, **{**options, **self._always})


def _read(found: dict[str, Any], tag: str) -> str:
    """The single value of an attribute in an answer."""
    values = found.get(tag, {}).get("Value") or [""]
    return str(values[0])
