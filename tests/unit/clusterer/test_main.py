"""The start of the clusterer: what it leaves out, and that nothing misses it."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from octcluster_clusterer.__main__ import _metrics_of_redis_left_out, _parts_of_numpy_left_out
with _parts_of_numpy_left_out(), _metrics_of_redis_left_out():
    import octcluster_clusterer.serving.server
assert not {"numpy.f2py", "numpy.testing", "opentelemetry.sdk.metrics"} & set(sys.modules)
import numpy, scipy.optimize, sklearn.cluster
numpy.testing.assert_array_equal(scipy.optimize.linear_sum_assignment([[0, 1], [1, 0]])[1], [0, 1])
assert numpy.f2py.__file__
import opentelemetry.sdk.metrics
assert opentelemetry.sdk.metrics.MeterProvider
"""


@pytest.mark.heavy
def test_what_nobody_uses_is_left_out_of_the_start_and_found_later() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
