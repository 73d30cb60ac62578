"""What a run may ask for, and which clusterings that comes to."""

from octcluster_clusterer.clustering import METHODS, check_cluster_count
from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.model import Algorithm, RunSpec
from octcluster_clusterer.preparation.rules import check_preparation

MAX_CLUSTERS = 1000
MAX_CLUSTERINGS = 200
MAX_STABILITY_RESAMPLES = 100
MOST_UNITS = {Algorithm.AGGLOMERATIVE: 2**17}
"""Of algorithms that compare all pairs, and cannot be done on a sample that all others join."""


def check_spec(spec: RunSpec, n_members: int, n_units: int | None = None) -> None:
    """Checks, before any work, that a run can be done with this many members.

    Args:
        spec: What the run shall do.
        n_members: Number of members.
        n_units: Number of units that they make; None: each is one.

    Raises:
        InvalidRequest: The spec breaks a rule, or does not fit the number of members or their dimension.
    """
    if n_members < 1:
        raise InvalidRequest("a run needs at least one image")
    n_units = _check_units(n_members, n_units)
    if not spec.algorithms:
        raise InvalidRequest("a run needs at least one algorithm")
    if not 2 <= spec.min_clusters <= spec.max_clusters <= MAX_CLUSTERS:
        raise InvalidRequest(
            f"the numbers of clusters go from 2 to {MAX_CLUSTERS}, the smaller one first; "
            f"{spec.min_clusters} to {spec.max_clusters} do not"
        )
    if len(list_clusterings(spec)) > MAX_CLUSTERINGS:
        raise InvalidRequest(
            f"a run makes at most {MAX_CLUSTERINGS} clusterings: "
            "ask for fewer algorithms or numbers of clusters"
        )
    if not 0 <= spec.seed < 2**32:
        raise InvalidRequest(f"the seed is a number from 0 to {2**32 - 1}, not {spec.seed}")
    if not 0 <= spec.stability_resamples <= MAX_STABILITY_RESAMPLES:
        raise InvalidRequest(
            f"stability is found from 0 to {MAX_STABILITY_RESAMPLES} parts (stability_resamples), "
            f"not {spec.stability_resamples}"
        )
    if not 0 <= spec.usual_spread <= 2:
        raise InvalidRequest(
            f"vectors of unit length have a usual spread (usual_spread) from 0 to 2, not {spec.usual_spread}"
        )
    check_preparation(spec.preparation, n_members, spec.space.dimension)
    _check_sizes(spec, n_units)


def _check_units(n_members: int, n_units: int | None) -> int:
    """The number of units, if that can be."""
    if n_units is None:
        return n_members
    if not 1 <= n_units <= n_members:
        raise InvalidRequest(f"{n_members} members make 1 to {n_members} units, not {n_units}")
    return n_units


def _check_sizes(spec: RunSpec, n_units: int) -> None:
    """Checks that there are not too few units for an algorithm, and not too many."""
    for algorithm in spec.algorithms:
        if not METHODS[algorithm].finds_cluster_count:
            check_cluster_count(spec.max_clusters, n_units)
        if n_units > MOST_UNITS.get(algorithm, n_units):
            raise InvalidRequest(
                f"{algorithm} compares all pairs of images, and takes at most {MOST_UNITS[algorithm]} of "
                f"them, not {n_units}: choose kmeans, minibatch-kmeans or gmm, or take fewer images of each "
                "class (--per-class)"
            )


def list_clusterings(spec: RunSpec) -> list[tuple[Algorithm, int | None]]:
    """Lists each algorithm with each number of clusters, None where it finds the number itself."""
    clusterings: list[tuple[Algorithm, int | None]] = []
    for algorithm in spec.algorithms:
        if METHODS[algorithm].finds_cluster_count:
            clusterings.append((algorithm, None))
        else:
            clusterings.extend((algorithm, k) for k in range(spec.min_clusters, spec.max_clusters + 1))
    return clusterings
