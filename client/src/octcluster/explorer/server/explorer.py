"""What the routes share: the result, the work on it, its pictures, and how they are told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from octcluster.explorer.comparison import Comparison
from octcluster.explorer.jobs import Jobs
from octcluster.explorer.labelling import Labelling
from octcluster.explorer.pictures import Pictures
from octcluster.explorer.result import Result
from octcluster.explorer.told_errors import ErrorTeller
from octcluster.explorer.vectors import Vectors
from octcluster.explorer.workspace import Workspace
from octcluster.outputs.wording.words import RESEARCH_USE_ONLY, are, count
from octcluster.workflows.services import ServiceOptions


@dataclass(frozen=True)
class Explorer:
    """One result in the explorer.

    Attributes:
        result: The result.
        workspace: The groups that a person works on.
        pictures: Pictures of the images.
        vectors: Prepared vectors of the images.
        labelling: Spreads labels from images to others.
        jobs: Work that takes long.
        services: Services that have the vectors.
        comparison: The run beside another one; None: there is no other.
        teller: Makes sentences of what goes wrong.
        notice: Tells the person at this machine something that the page may not be told.
        columns: The columns as the page takes them.
        identified: Whether names of files and patients may be sent.
    """

    result: Result
    workspace: Workspace
    pictures: Pictures
    vectors: Vectors
    labelling: Labelling
    jobs: Jobs
    services: ServiceOptions
    comparison: Comparison | None
    teller: ErrorTeller
    notice: Callable[[str], None]
    columns: bytes
    identified: bool

    def describe(self) -> Mapping[str, Any]:
        """What the page is told first."""
        result = self.result
        classes = result.categories.get("class")
        clusters = len(set(result.clusters.tolist()) - {-1})
        title = f"{count(len(result.names), 'image')} in {count(clusters, 'cluster')}"
        gone = self.pictures.count_gone()
        return {
            "images": len(result.names),
            "title": f"{result.folder.name}: {title}" if self.identified else title,
            "runId": result.run.run_id,
            "resultId": result.result_id,
            "started": result.started,
            "identified": self.identified,
            "classes": list(classes.values) if classes else [],
            "maps": [name for name in ("pca", "umap") if f"{name}_x" in result.maps],
            "eyes": "eye" in result.categories,
            "pictures": gone < len(result.names),
            "imagesGone": gone,
            "imagesText": describe_gone(gone, len(result.names)),
            "compare": self.comparison is not None,
            "researchUseOnly": RESEARCH_USE_ONLY,
        }


def describe_gone(gone: int, images: int) -> str:
    """Says how many images are not where they were, and the cure; nothing if all are there."""
    if not gone:
        return ""
    return (
        f"{gone:,} of {count(images, 'image')} {are(gone)} not where the run found them: end the explorer, "
        "and start it again with --images FOLDER"
    )
