"""Objects a second of the gateway's DICOM server beside dcmtk's dcmrecv, with the disk waited for in both.

dcmrecv does not wait for the disk by itself: a small library that is loaded before has it flush each file
that it closes. TCP_NODELAY=1 has dcmtk's programs send small packets at once, as the gateway does: else each
answer of dcmrecv waits some 40 ms for an acknowledgement of its sender. The gateway's server is measured with
its spool, without what is done with objects afterwards.

    .venv/bin/python benchmarks/gateway_receive.py --objects 400 --kilobytes 500
    .venv/bin/python benchmarks/gateway_receive.py --objects 3 --kilobytes 500000 --senders 1
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

from dicom_senders import read_acknowledged, sop_instance, storescu, write_object

_FLUSH = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>
int fclose(FILE *file) {
    static int (*real)(FILE *);
    if (!real) real = (int (*)(FILE *))dlsym(RTLD_NEXT, "fclose");
    fflush(file);
    fsync(fileno(file));
    return real(file);
}
"""
_CONFIGURATION = """[[TransferSyntaxes]]
[Plain]
TransferSyntax1 = LittleEndianExplicit
[[PresentationContexts]]
[Scans]
PresentationContext1 = OphthalmicTomographyImageStorage\\Plain
[[Profiles]]
[Scans]
PresentationContexts = Scans
"""
_PIXELS = 0x00420011


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--objects", type=int, default=400)
    parser.add_argument("--kilobytes", type=int, default=500, help="size of an object")
    parser.add_argument("--senders", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to write: a disk, and no memory")
    parser.add_argument("--serve", nargs=2, metavar=("FOLDER", "PORT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve_gateway(Path(arguments.serve[0]), int(arguments.serve[1]))
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        measure(Path(folder), arguments)


def measure(folder: Path, arguments: argparse.Namespace) -> None:
    old = sop_instance(10**6)
    template = write_object(folder / "0.dcm", 10**6, {_PIXELS: ("OB", bytes(1000 * arguments.kilobytes))})
    content = template.read_bytes()
    files = []
    for number in range(arguments.objects):
        file = folder / f"{number}.dcm"
        file.write_bytes(content.replace(old.encode(), sop_instance(10**6 + number).encode()))
        files.append(file)
    os.environ["TCP_NODELAY"] = "1"
    rates: dict[str, list[float]] = {"dcmrecv": [], "gateway": []}
    peaks: dict[str, list[float]] = {"dcmrecv": [], "gateway": []}
    costs: dict[str, list[float]] = {"dcmrecv": [], "gateway": []}
    for turn in range(arguments.repeats):
        for name, measured in rates.items():
            place = folder / f"{name}-{turn}"
            with running(name, place, folder) as (port, process):
                seconds, cost, peak = send(files, port, process, arguments.senders)
            measured.append(len(files) / seconds)
            peaks[name].append(peak)
            costs[name].append(1000 * cost / len(files))
            shutil.rmtree(place)
    middle = {name: statistics.median(values) for name, values in rates.items()}
    print(
        json.dumps(
            {
                "objects": arguments.objects,
                "kilobytes": arguments.kilobytes,
                "senders": arguments.senders,
                "objects_a_second": {
                    name: [round(rate, 1) for rate in values] for name, values in rates.items()
                },
                "share_of_dcmrecv": round(middle["gateway"] / middle["dcmrecv"], 2),
                "processor_milliseconds_an_object": {
                    name: [round(cost, 1) for cost in values] for name, values in costs.items()
                },
                "peak_megabytes": {name: round(max(values)) for name, values in peaks.items()},
            },
            indent=1,
        )
    )


def send(files: list[Path], port: int, process: psutil.Process, senders: int) -> tuple[float, float, float]:
    """Sends all files; returns seconds, and of the server processor seconds and the most megabytes."""
    done = threading.Event()
    peak = 0.0

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            peak = max(peak, process.memory_info().rss / 1e6)

    watcher = threading.Thread(target=watch)
    watcher.start()
    begin, used = time.perf_counter(), sum(process.cpu_times()[:2])
    with ThreadPoolExecutor(senders) as pool:
        logs = list(pool.map(lambda part: storescu(port, files[part::senders]), range(senders)))
    seconds = time.perf_counter() - begin
    cost = sum(process.cpu_times()[:2]) - used
    done.set()
    watcher.join()
    taken = set().union(*(read_acknowledged(log.stdout + log.stderr) for log in logs))
    assert len(taken) == len(files), f"{len(taken)} of {len(files)} objects were taken"
    return seconds, cost, peak


@contextmanager
def running(name: str, place: Path, folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    place.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = dict(os.environ)
    if name == "dcmrecv":
        environment["LD_PRELOAD"] = str(build_flush(folder))
        configuration = folder / "dcmrecv.cfg"
        configuration.write_text(_CONFIGURATION)
        command = ["dcmrecv", "--config-file", str(configuration), "Scans", "--aetitle", "OCTCLUSTER"]
        command += ["--output-directory", str(place), str(port)]
    else:
        command = [sys.executable, __file__, "--serve", str(place), str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        try:
            yield port, psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)


def build_flush(folder: Path) -> Path:
    library = folder / "flush.so"
    if not library.exists():
        source = folder / "flush.c"
        source.write_text(_FLUSH)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def serve_gateway(folder: Path, port: int) -> None:
    from octcluster_gateway.metrics import GatewayMetrics
    from octcluster_gateway.receiving.commitment import Commitment
    from octcluster_gateway.receiving.connections import ConnectionLimits
    from octcluster_gateway.receiving.dimse import DimseReceiver, ReceiverOptions
    from octcluster_gateway.receiving.peers import Peers
    from octcluster_gateway.spool.spool import Spool, SpoolLimits

    spool = Spool(folder, SpoolLimits(1 << 20, 1 << 33))
    limits = ConnectionLimits(64, 60.0, 1 << 18)
    options = ReceiverOptions(f"127.0.0.1:{port}", "OCTCLUSTER", Peers(), None, limits)
    commitment = Commitment(spool, "OCTCLUSTER", keeps_all=True)
    receiver = DimseReceiver(spool, options, GatewayMetrics(), commitment)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    receiver.serve()


if __name__ == "__main__":
    main()
