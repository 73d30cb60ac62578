"""How much the server takes in, and how fast it gets through it.

One bounded queue holds the images of all calls. Work that can wait may not fill it: requests of many images
take up to three quarters of it, requests of few images all of it. A request that does not fit is refused at
once and told when to retry.
"""

import math

_BULK_SHARE = 0.75
# Weight of the latest batch in the running mean: some ten batches make the estimate.
_LATEST_WEIGHT = 0.1


class Admission:
    """Admits so many images, and so many encoded bytes, at once.

    Args:
        max_images: Most images.
        max_bytes: Most encoded bytes.
    """

    def __init__(self, max_images: int, max_bytes: int) -> None:
        self._max_images = max_images
        self._max_bytes = max_bytes
        self.n_images = 0
        self.n_bytes = 0

    def images_too_many(self, n_images: int, n_bytes: int, *, interactive: bool) -> int:
        """How many images must leave before a request fits; 0: it fits now."""
        share = 1.0 if interactive else _BULK_SHARE
        if not self.n_images or self._fits(n_images, n_bytes, share):
            return 0
        return max(1, self.n_images + n_images - math.floor(self._max_images * share))

    def enter(self, n_images: int, n_bytes: int) -> None:
        """Admits the images of a request that was found to fit."""
        self.n_images += n_images
        self.n_bytes += n_bytes

    def leave(self, n_images: int, n_bytes: int) -> None:
        """Lets the images of a request go."""
        self.n_images -= n_images
        self.n_bytes -= n_bytes

    def _fits(self, n_images: int, n_bytes: int, share: float) -> bool:
        return (
            self.n_images + n_images <= self._max_images * share
            and self.n_bytes + n_bytes <= self._max_bytes * share
        )


class Pace:
    """A running estimate of the seconds that an image takes while others are under way beside it."""

    def __init__(self) -> None:
        self._seconds_an_image: float | None = None
        self._last_end = -math.inf

    def note(self, n_images: int, began: float, ended: float) -> None:
        """Takes note of a batch; only the time since the end of the one before it is its own."""
        seconds = (ended - max(began, self._last_end)) / n_images
        self._last_end = ended
        if self._seconds_an_image is None:
            self._seconds_an_image = seconds
        self._seconds_an_image += _LATEST_WEIGHT * (seconds - self._seconds_an_image)

    def seconds_for(self, n_images: int) -> float | None:
        """Seconds for so many images; None before the first batch."""
        return None if self._seconds_an_image is None else n_images * self._seconds_an_image
