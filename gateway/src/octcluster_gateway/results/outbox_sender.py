"""Sends what waits in an outbox to one destination, again and again until it is there."""

import logging
import threading
import time
from collections.abc import Callable

from octcluster_serving.logs import describe_fault

from octcluster_gateway.errors import NotSent, Unprocessable
from octcluster_gateway.spool.outbox import Outbox, Waiting

_logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 600.0


class OutboxSender:
    """Sends what waits in one outbox, until it is stopped; one thread.

    Args:
        outbox: What waits.
        send: Sends one, and accounts for it.
        what: What is sent, for people: ``report``.
    """

    def __init__(self, outbox: Outbox, send: Callable[[Waiting], None], what: str) -> None:
        self._outbox = outbox
        self._send = send
        self._what = what
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Asks ``run`` to return after the one at work."""
        self._stopping.set()

    def run(self) -> None:
        """Sends until ``stop`` is called."""
        while not self._stopping.is_set():
            for waiting in self._outbox.list_due():
                if self._stopping.is_set():
                    return
                self._handle(waiting)
            self._stopping.wait(_LOOK_SECONDS)

    def _handle(self, waiting: Waiting) -> None:
        number = waiting.entry.instance.spool_id
        try:
            self._send(waiting)
        except NotSent as error:
            pause = min(2.0**waiting.attempts, _LONGEST_PAUSE_SECONDS)
            self._outbox.postpone(waiting.number, time.time() + pause, str(error))
            _logger.warning("a %s of object %d waits: %s", self._what, number, error)
            # A destination that is away would refuse the next ones as well.
            self._stopping.wait(min(pause, _LOOK_SECONDS))
        except Unprocessable as error:
            self._outbox.give_up(waiting.number, str(error))
            _logger.warning("no %s of object %d: %s", self._what, number, error)
        except Exception as error:
            self._outbox.give_up(waiting.number, f"no {self._what} can be made of its object, see the log")
            _logger.error("no %s of object %d: %s", self._what, number, describe_fault(error))
        else:
            self._outbox.note_sent(waiting.number)
