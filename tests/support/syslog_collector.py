"""A real rsyslog as the collector of audit messages, on a loopback port."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from certificates import Certificates
from machine import need

_MODULE = "/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_gtls.so"


@contextmanager
def running_collector(folder: Path, port: int, certificates: Certificates) -> Iterator[Path]:
    """A real rsyslog that takes messages over TLS alone; gives the file that it writes them to."""
    program = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin")
    need(program and Path(_MODULE).exists(), "rsyslog", "apt-get install rsyslog rsyslog-gnutls")
    folder.mkdir(exist_ok=True)
    written = folder / "messages.txt"
    settings = folder / "rsyslog.conf"
    settings.write_text(
        f"""
global(workDirectory="{folder}" defaultNetstreamDriver="gtls" maxMessageSize="64k"
  defaultNetstreamDriverCAFile="{certificates.ca}"
  defaultNetstreamDriverCertFile="{certificates.server.cert}"
  defaultNetstreamDriverKeyFile="{certificates.server.key}")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="all" type="string" string="%pri% %app-name% %msgid% %protocol-version% %msg%\\n")
input(type="imtcp" address="127.0.0.1" port="{port}")
action(type="omfile" file="{written}" template="all")
"""
    )
    command = [str(program), "-n", "-f", str(settings), "-i", str(folder / "pid")]
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield written
    finally:
        process.terminate()
        process.wait(30)
