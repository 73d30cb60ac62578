"""Whether there are enough images that can be used for a run."""

from octcluster.model.errors import TooFewImages
from octcluster.workflows.keyed_images import KeyedImages

FEWEST_IMAGES = 2
_REASONS_SHOWN = 3


def check_enough_for_clusters(images: int, clusters: int) -> None:
    """Raises TooFewImages if there are fewer images than clusters, before any is read."""
    if images < clusters:
        raise TooFewImages(
            f"{images:,} image{'' if images == 1 else 's'} cannot make {clusters:,} clusters: ask for fewer "
            "(-k), or give more images"
        )


def check_enough(images: KeyedImages, needed: int) -> None:
    """Raises TooFewImages if there are fewer good images than needed."""
    good = images.count_good()
    if good >= needed:
        return
    bad = images.bad()
    reasons = "".join(f"\n  {image.name}: {reason}" for image, reason in bad[:_REASONS_SHOWN])
    more = f"\n  and {len(bad) - _REASONS_SHOWN} more" if len(bad) > _REASONS_SHOWN else ""
    fewer = " or ask for fewer clusters (-k)" if needed > FEWEST_IMAGES else ""
    raise TooFewImages(
        f"{good} of {good + len(bad)} images can be used, but at least {needed} are needed: give"
        f" more images{fewer}{reasons}{more}"
    )
