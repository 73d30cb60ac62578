"""scikit-learn's K-means on random batches, which reports each batch."""

import warnings
from collections.abc import Callable
from typing import Any

from sklearn.cluster import MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning

# Too few different vectors are no fault here: the run reports what it found.
warnings.filterwarnings("ignore", category=ConvergenceWarning, module="sklearn")


class ReportingMiniBatchKMeans(MiniBatchKMeans):  # type: ignore[misc]
    """Calls ``report_step`` at each batch; scikit-learn has no public hook for it."""

    report_step: Callable[[], None]

    def _mini_batch_convergence(self, *args: Any) -> bool:
        self.report_step()
        return bool(super()._mini_batch_convergence(*args))
