"""Which preparations can be applied to which vectors, and how many values they leave."""

from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.model import Preparation
from octcluster_clusterer.preparation.part import limit_components
from octcluster_clusterer.preparation.principal_components import fits_moments


def check_preparation(preparation: Preparation, n_members: int, dimension: int) -> None:
    """Checks that a preparation can be applied.

    Raises:
        InvalidRequest: It cannot; the message says what can.
    """
    parts = preparation.part_dimensions
    if parts and (min(parts) < 1 or sum(parts) != dimension):
        raise InvalidRequest(
            f"part_dimensions are {', '.join(map(str, parts))}: each must be at least 1, and their sum must "
            f"be the vectors' dimension, {dimension}"
        )
    pca = preparation.pca
    if preparation.whiten_within_patients and not preparation.whiten:
        raise InvalidRequest("whitening within patients scales whitened components: ask for whiten too")
    if pca is None:
        if preparation.whiten:
            raise InvalidRequest("whitening scales principal components: ask for PCA too")
        return
    if n_members < 2:
        raise InvalidRequest(f"PCA needs at least 2 images; there are {n_members}")
    if isinstance(pca, int):
        if pca < 1:
            raise InvalidRequest(f"PCA keeps at least 1 component, not {pca}")
    elif not 0 < pca <= 1:
        raise InvalidRequest(f"PCA keeps a share of the variance above 0 and at most 1, not {pca}")


def works_on_blocks(preparation: Preparation, n_members: int, dimension: int) -> bool:
    """Whether sums over blocks of vectors are enough, so that the vectors need not lie in one memory."""
    return preparation.pca is not None and all(
        fits_moments(n_members, part, preparation.pca) for part in preparation.part_dimensions or (dimension,)
    )


def find_prepared_dimension(preparation: Preparation, n_members: int, dimension: int) -> int | None:
    """Counts the values of a prepared vector; None where only the variance of the vectors tells."""
    if preparation.pca is None:
        return dimension
    if isinstance(preparation.pca, float):
        return None
    parts = preparation.part_dimensions or (dimension,)
    return sum(limit_components(preparation.pca, n_members, part) for part in parts)
