"""Who calls a command, for the audit log."""

import os
import pwd
import socket

from octcluster_gateway.audit.events import Participant


def current_user() -> Participant:
    """The user of this machine who calls, as the process tells: a caller may change the environment."""
    return Participant(pwd.getpwuid(os.getuid()).pw_name, is_requestor=True, address=socket.gethostname())
