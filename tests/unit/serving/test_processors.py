"""Processors that a process may use: a container's, not the machine's."""

import os
import subprocess
import sys

from octcluster_serving.processors import count_processors


def test_counts_those_that_the_process_may_use() -> None:
    count = "from octcluster_serving.processors import count_processors; print(count_processors())"
    one = min(os.sched_getaffinity(0))
    script = f"import os; os.sched_setaffinity(0, {{{one}}}); {count}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
    assert count_processors() == len(os.sched_getaffinity(0))
