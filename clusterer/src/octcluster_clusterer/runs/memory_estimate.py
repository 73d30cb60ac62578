"""How much memory a run will need, told before it starts: what does not fit is refused with the cure.

The estimate is the peak resident memory of the whole process. What the process holds at rest is measured when
it starts. The vectors stay in memory from the first stage to the last; what else a stage needs is freed after
it, so that the largest stage counts. The figures follow the arrays that the code allocates; a test compares
them with measured peaks.
"""

from octcluster_clusterer.assignment.fit import MAX_DISCRIMINANT_DIMENSION
from octcluster_clusterer.clustering import METHODS
from octcluster_clusterer.errors import InvalidRequest
from octcluster_clusterer.mapping import placement
from octcluster_clusterer.memory import MemoryAllowance
from octcluster_clusterer.model import Algorithm, RunSpec
from octcluster_clusterer.preparation.eigen_decomposition import DIRECT_SIDE, PROCESS_BYTES
from octcluster_clusterer.preparation.part import MAX_FITTED_BYTES
from octcluster_clusterer.preparation.principal_components import (
    EXACT_SIDE,
    EXACT_SIDE_WITHOUT_PCA,
    RANDOMIZED_COMPONENTS,
    RANDOMIZED_COMPONENTS_WITHOUT_PCA,
)
from octcluster_clusterer.preparation.randomized_components import SPARE_COMPONENTS
from octcluster_clusterer.preparation.rules import find_prepared_dimension, works_on_blocks
from octcluster_clusterer.scoring.silhouette import EXACT_MEMBERS, SAMPLED_MEMBERS
from octcluster_clusterer.trust import intervals, near_duplicates
from octcluster_clusterer.trust.stability import MAX_MEMBERS

_TILES_BYTES = 28 * 2**20
"""Blocks and tiles that all stages work in, threads, what calls hold."""
_SILHOUETTE_COLUMNS = 1000
_FOUND_CLUSTERS = 20
_MEMBER_BYTES = 256
"""A member beside its vectors: key, class, patient, numbers, coordinates, duplicates."""
_MAP_PROCESS_BYTES = 360 * 2**20
"""The process that lays out the map, at rest."""
_MAP_MEMBER_BYTES = 4096
"""Neighbours, graph and places of a member there."""
_MAP_COPIES = 3
"""Copies of the vectors that are laid out: on their way, and there."""


def check_memory(
    spec: RunSpec,
    n_members: int,
    memory: MemoryAllowance,
    prepared_dimension: int | None = None,
    *,
    n_units: int | None = None,
) -> None:
    """Checks that a run fits into the memory allowed.

    Args:
        spec: What the run shall do.
        n_members: Number of members.
        memory: What the run may take.
        prepared_dimension: Dimension of the prepared vectors; None: as far as it is known before the work.
        n_units: Number of units that the members make; None: each is one.

    Raises:
        InvalidRequest: It does not; the message says how much it needs, for what, and what to do.
    """
    elsewhere = lie_elsewhere(spec, n_members, memory)
    stages = estimate_stages(spec, n_members, prepared_dimension, n_units=n_units)
    largest = max(stages, key=lambda name: stages[name])
    base = memory.resting_bytes + _estimate_base(
        spec, n_members, prepared_dimension, n_units=n_units, elsewhere=elsewhere
    )
    needed = base + stages[largest]
    if needed <= memory.limit_bytes:
        return
    vectors_alone = base > memory.limit_bytes
    kind = "prepared vectors" if elsewhere else f"vectors of {spec.space.dimension} values"
    what = f"{n_members} {kind}" if vectors_alone else largest
    raise InvalidRequest(
        f"the run needs about {_in_gib(needed)} of memory, most of it for {what}, and "
        f"{_in_gib(memory.limit_bytes)} are allowed (--memory-limit of the clusterer): "
        f"{_say_cure(largest, vectors_alone)}"
    )


def estimate_run_bytes(
    spec: RunSpec, n_members: int, prepared_dimension: int | None = None, *, n_units: int | None = None
) -> int:
    """Estimates the most memory beside that of the process at rest; arguments as of ``check_memory``."""
    return _estimate_base(spec, n_members) + max(
        estimate_stages(spec, n_members, prepared_dimension, n_units=n_units).values()
    )


def find_map_obstacle(
    spec: RunSpec, n_members: int, memory: MemoryAllowance, *, n_units: int | None = None
) -> str:
    """Says why there is no room for a map of the units, with the process that lays it out; else empty."""
    stages = max(estimate_stages(spec, n_members, n_units=n_units).values())
    mapped = n_units or n_members
    n_laid_out = mapped if mapped <= placement.WHOLE_MEMBERS else placement.SAMPLED_MEMBERS
    dimension = find_prepared_dimension(spec.preparation, n_members, spec.space.dimension) or 1
    at_work = (_MAP_MEMBER_BYTES + 4 * _MAP_COPIES * dimension) * n_laid_out
    at_work += placement.estimate_bytes(mapped, dimension)
    elsewhere = lie_elsewhere(spec, n_members, memory)
    base = memory.resting_bytes + _estimate_base(spec, n_members, n_units=n_units, elsewhere=elsewhere)
    needed = base + _MAP_PROCESS_BYTES + stages + at_work  # the map is made beside the stages
    if needed <= memory.limit_bytes:
        return ""
    return (
        f"with UMAP the run needs about {_in_gib(needed)} of memory, and {_in_gib(memory.limit_bytes)} are "
        "allowed (--memory-limit of the clusterer)"
    )


def estimate_stages(
    spec: RunSpec, n_members: int, prepared_dimension: int | None = None, *, n_units: int | None = None
) -> dict[str, int]:
    """Estimates what each stage needs beside the vectors, in bytes, by its name for people."""
    n_units = n_units or n_members
    dimension = prepared_dimension or find_prepared_dimension(
        spec.preparation, n_members, spec.space.dimension
    )
    if dimension is None:
        dimension = 1
    counts = _list_cluster_counts(spec)
    labels = 8 * n_units * len(counts)
    stages = {
        "near-duplicates": near_duplicates.estimate_bytes(n_members, spec.space.dimension),
        "preparation": _estimate_preparation(spec, n_members),
    }
    if n_units < n_members:
        # Sums in double precision, and their means.
        stages["units"] = 12 * n_units * dimension
    for algorithm in spec.algorithms:
        estimate_bytes = METHODS[algorithm].estimate_bytes
        working = estimate_bytes(n_units, dimension) if estimate_bytes else 0
        copy = 4 * min(n_units, MAX_MEMBERS) * dimension if spec.stability_resamples else 0
        stages[str(algorithm)] = working + copy + labels
    side = dimension if dimension <= MAX_DISCRIMINANT_DIMENSION else 0
    n_silhouettes = n_units if n_units <= EXACT_MEMBERS else SAMPLED_MEMBERS
    sampled_bytes = 4 * n_silhouettes * dimension if n_silhouettes < n_units else 0
    columns = min(sum(counts), _SILHOUETTE_COLUMNS)
    stages["scores"] = 24 * n_silhouettes * columns + sampled_bytes + 40 * side**2 + 3 * labels
    stages["intervals"] = intervals.estimate_bytes(n_units) + 2 * labels
    return stages


def lie_elsewhere(spec: RunSpec, n_members: int, memory: MemoryAllowance) -> bool:
    """Whether prepared vectors alone come into this process, and of very many only some."""
    return memory.vectors_elsewhere and works_on_blocks(spec.preparation, n_members, spec.space.dimension)


def _estimate_base(
    spec: RunSpec,
    n_members: int,
    prepared_dimension: int | None = None,
    *,
    n_units: int | None = None,
    elsewhere: bool = False,
) -> int:
    """What all stages need: the vectors, prepared in their own memory unless they lie elsewhere."""
    dimension, rows = spec.space.dimension, n_members
    if elsewhere:
        known = prepared_dimension or find_prepared_dimension(spec.preparation, n_members, dimension)
        # Where only the variance tells how many there are, the blocks are the first to know.
        dimension, rows = known or 1, _count_rows_here(spec, n_members, n_units or n_members)
    return _TILES_BYTES + 4 * rows * dimension + _MEMBER_BYTES * n_members


def _count_rows_here(spec: RunSpec, n_members: int, n_units: int) -> int:
    """How many prepared vectors come into this process where the others lie elsewhere."""
    need_all = n_units < n_members or n_units <= EXACT_MEMBERS
    need_all |= any(METHODS[algorithm].needs_all for algorithm in spec.algorithms)
    return n_units if need_all else min(n_units, MAX_MEMBERS)


def _list_cluster_counts(spec: RunSpec) -> list[int]:
    """The number of clusters of each result; what HDBSCAN finds is at most 100, see there, and mostly few."""
    asked = range(spec.min_clusters, spec.max_clusters + 1)
    counts: list[int] = []
    for algorithm in spec.algorithms:
        counts += [_FOUND_CLUSTERS] if METHODS[algorithm].finds_cluster_count else asked
    return counts


def _in_gib(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.3g} GiB"


def _say_cure(largest: str, vectors_alone: bool) -> str:
    if vectors_alone:
        return "take fewer images of each class (--per-class), or pooled vectors instead of flattened ones"
    if largest == Algorithm.AGGLOMERATIVE:
        return "choose kmeans or minibatch-kmeans, or take fewer images of each class (--per-class)"
    return "take fewer images of each class (--per-class), or fewer dimensions (--pca)"


def _estimate_preparation(spec: RunSpec, n_members: int) -> int:
    """Matrices of the principal component analysis: one part at a time, and what is kept of all parts."""
    preparation = spec.preparation
    kept, at_work = 0, 0
    for part in preparation.part_dimensions or (spec.space.dimension,):
        side = min(n_members, part)
        if side <= (EXACT_SIDE if preparation.pca is not None else EXACT_SIDE_WITHOUT_PCA):
            # Moments, eigenvectors and workspace in double precision, and the components in single precision.
            beside = PROCESS_BYTES if side > DIRECT_SIDE else 0
            at_work = max(at_work, 32 * side**2 + beside)
            kept += 4 * side**2
        else:
            components = _count_leading(preparation.pca)
            at_work = max(at_work, 12 * (n_members + part) * (components + SPARE_COMPONENTS))
            kept += 4 * n_members * components
        if preparation.pca is not None:
            count = min(side, _count_leading(preparation.pca))
            kept += min(4 * part * count, MAX_FITTED_BYTES)
            if preparation.whiten_within_patients:
                # The patients' means, at most one for two members, and the scatter with its factors.
                at_work = max(at_work, 4 * n_members * count + 24 * count**2)
    return kept + at_work


def _count_leading(pca: float | int | None) -> int:
    """Number of components where not all are found."""
    if pca is None:
        return RANDOMIZED_COMPONENTS_WITHOUT_PCA
    return pca if isinstance(pca, int) else RANDOMIZED_COMPONENTS
