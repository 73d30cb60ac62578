"""octcluster in scikit-learn: an embedder of images, and a clusterer of vectors (extra ``sklearn``).

Both do their work with the services of octcluster, on this machine or elsewhere.
"""

from octcluster.sklearn.clusterer import ConsensusClusterer
from octcluster.sklearn.embedder import OctEmbedder

__all__ = ["ConsensusClusterer", "OctEmbedder"]
