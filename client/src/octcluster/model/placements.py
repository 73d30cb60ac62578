"""Where images belong in a finished run, as the library hands it to its caller."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class UnitPlacement:
    """The mean vector of some images, such as those of an eye, put into a cluster.

    Attributes:
        cluster: Cluster of the mean vector.
        margin: Margin of the mean vector, see Placements.
        images: Number of images in the mean.
    """

    cluster: int
    margin: float
    images: int


@dataclass(frozen=True)
class Placements:
    """Images put into the clusters of a finished run, as columns of equal length.

    Attributes:
        image_keys: Image key of each image that has a vector, in the order asked for.
        clusters: Cluster of each image.
        distances: Distance of each image's prepared vector to the mean of its cluster.
        margins: Where each image lies between the border to the cluster that suits second best, 0 (torn), and
            the mean of its own cluster, 1 (there or beyond, or no other cluster).
        outliers: Whether an image is farther from the mean than 99% of the cluster's own members.
        percentiles: How many percent of the cluster's own members are nearer to its mean than each image is,
            0 to 100, rounded down.
        fitted_agreement: Share of the run's own members that this way of assigning puts into the cluster the
            run gave them, 0 to 1; None if no image was assigned.
        units: Where the mean vector of each unit belongs, by its number; units whose images have no vectors,
            or are too many for one request, are left out.
    """

    image_keys: Sequence[bytes]
    clusters: Sequence[int]
    distances: Sequence[float]
    margins: Sequence[float]
    outliers: Sequence[bool]
    percentiles: Sequence[int]
    fitted_agreement: float | None
    units: Mapping[int, UnitPlacement] = field(default_factory=dict)
