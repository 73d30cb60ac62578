"""Commands on a finished run: they use its services and its vectors, where no others are named."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from octcluster.cli.arguments.services import ServicesCommand
from octcluster.workflows.finished_runs import FinishedRun


@dataclass(frozen=True, kw_only=True)
class OfRunCommand(ServicesCommand):
    """A command on a finished run.

    Attributes:
        model: Name of the model for an embedder that is started; None: that of the run.
    """

    model: str | None = None

    def at_services_of(self, run: FinishedRun) -> Self:
        """The command with what the run says of its place and its vectors, where nothing else was given."""
        clusterer, cache_dir = self.clusterer, self.cache_dir
        if clusterer is None and cache_dir is None:
            clusterer, cache_dir = run.arguments.get("clusterer"), _path(run.arguments.get("cache_dir"))
            # A run that has a model file does without its cache, which may lie on another machine.
            if run.model is not None and cache_dir is not None and not cache_dir.is_dir():
                cache_dir = None
        embedder, weights, digest = self.embedder, self.weights, self.weights_sha256
        if embedder is None and self.model is None and weights is None:
            embedder = run.arguments.get("embedder")
        if embedder is None and weights is None:
            weights = _path(run.arguments.get("weights"))
            digest = digest or run.arguments.get("weights_sha256")
        return replace(
            self,
            clusterer=clusterer,
            cache_dir=cache_dir,
            embedder=embedder,
            weights=weights,
            weights_sha256=digest,
            model=self.model or run.arguments.get("model"),
        )


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
