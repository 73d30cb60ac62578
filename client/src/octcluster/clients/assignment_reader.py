"""The clusters of a run's members as they arrive, message by message, in columns."""

from array import array

from octcluster_protos.clusterer.v1 import clusterer_pb2 as messages

from octcluster.images.key_column import KeyColumn
from octcluster.model.columns import OptionalFloats
from octcluster.model.results import Assignments


class AssignmentReader:
    """Joins the messages of StreamAssignments, one by one."""

    def __init__(self) -> None:
        self._keys = KeyColumn(0)
        self._clusters = array("i")
        self._silhouettes = OptionalFloats()
        self._distances = OptionalFloats()
        self._coordinates = {name: array("f") for name in ("x", "y", "umap_x", "umap_y")}

    def add(self, response: messages.StreamAssignmentsResponse) -> None:
        """Takes in the next message."""
        self._keys.extend(response.image_keys)
        self._clusters.extend(response.clusters)
        self._silhouettes.extend(response.silhouettes)
        self._distances.extend(response.distances)
        for name, column in self._coordinates.items():
            column.extend(getattr(response, name))

    def assignments(self) -> Assignments:
        """What all messages told."""
        return Assignments(
            self._keys, self._clusters, self._silhouettes, distances=self._distances, **self._coordinates
        )
