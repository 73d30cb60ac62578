"""``names.json``: what a person has called a run's clusters in ``octcluster explore``."""

import json
from pathlib import Path

from octcluster.workflows.result_id import RESULT_ID

FILE_NAME = "names.json"
CLUSTERS = "clusters"


def read_cluster_names(folder: Path, result_id: str) -> dict[int, str]:
    """Reads the names of clusters.

    Args:
        folder: Folder of a run's outputs.
        result_id: Name of its result.

    Returns:
        Names by cluster; none if there is no such file, it is of another result, or it is damaged.
    """
    try:
        content = json.loads((folder / FILE_NAME).read_bytes())
        if content[RESULT_ID] != result_id:
            return {}
        names = {int(cluster): name for cluster, name in content[CLUSTERS].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {cluster: name for cluster, name in names.items() if isinstance(name, str) and name}
