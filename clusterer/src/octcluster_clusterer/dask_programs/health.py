"""Asking for the health of a part of a Dask cluster, as ``--check-health`` does."""

import socket
import ssl
import sys
from contextlib import ExitStack

from octcluster_serving.addresses import local_address, split_address

from octcluster_clusterer.engine.scheduler_place import SchedulerPlace

_ASK_SECONDS = 15.0


def check_health(place: SchedulerPlace) -> int:
    """Prints whether a scheduler listens there and takes the certificate, or what is wrong.

    It is the same for a worker: without the scheduler it has no work.

    Returns:
        The exit code.
    """
    try:
        with ExitStack() as stack:
            address = split_address(local_address(place.address.partition("://")[2]))
            connection = stack.enter_context(socket.create_connection(address, timeout=_ASK_SECONDS))
            if place.ca is not None and place.cert is not None:
                context = ssl.create_default_context(cafile=place.ca)
                context.check_hostname = False  # as Dask does: the authority is the cluster's own
                context.load_cert_chain(place.cert, place.key)
                connection = stack.enter_context(context.wrap_socket(connection))
            # A scheduler that takes the certificate speaks first.
            taken = bool(connection.recv(1))
    except OSError as error:
        print(f"no answer from the scheduler: {error.strerror or error}", file=sys.stderr)
        return 1
    print("serving" if taken else "the scheduler refuses the certificate, or is none")
    return 0 if taken else 1
