"""Clusters unlabelled retinal OCT images by pathology and shows how far to trust the clusters.

The two services are reached through EmbedderClient and ClustererClient, or their twins for asyncio;
run and run_images do the whole job with them. Importing this needs gRPC and protobuf alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from octcluster.public import *  # noqa: F403


# A process that reads source files uses no public name, and starts in a quarter of the time without them.
def __getattr__(name: str) -> Any:
    """Imports the public names when the first of them is used."""
    public = import_module("octcluster.public")
    if name == "__all__" or name in public.__all__:
        return getattr(public, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *import_module("octcluster.public").__all__]
