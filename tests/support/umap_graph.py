"""umap-learn's own graph of nearest neighbours, in a process that compiles nothing: that is far faster.

``python umap_graph.py IN.npz OUT.npz``: vectors, indices and distances in, the dense graph out.
"""

import sys

import numpy as np


def main() -> None:
    sys.modules["tensorflow"] = None  # type: ignore[assignment]  # umap-learn would import it
    from umap.umap_ import fuzzy_simplicial_set

    given = np.load(sys.argv[1])
    graph, _, _ = fuzzy_simplicial_set(
        given["vectors"],
        given["indices"].shape[1],
        None,
        "euclidean",
        knn_indices=given["indices"],
        knn_dists=given["distances"],
    )
    np.savez(sys.argv[2], graph=graph.toarray())


if __name__ == "__main__":
    main()
