"""What the page is told of an error: it may name neither a file nor a folder, unless it may name images."""

from collections.abc import Callable

from octcluster.model.errors import (
    ActRefused,
    ExtraNotInstalled,
    NotThere,
    OctclusterError,
    RunCancelled,
    RunFailed,
    ServiceError,
    SpaceMismatch,
    StateChanged,
)

# Errors of all other kinds may name an image or a folder of this machine.
_NAMELESS = (
    ActRefused,
    ExtraNotInstalled,
    NotThere,
    RunCancelled,
    RunFailed,
    ServiceError,
    SpaceMismatch,
    StateChanged,
)
_ELSEWHERE = "this could not be done: the terminal in which 'octcluster explore' runs says why"


class ErrorTeller:
    """Tells errors to the page, and in full to the person at this machine.

    Args:
        identified: Whether the page may name images.
        on_error: Told in full what the page is not.
    """

    def __init__(self, on_error: Callable[[str], None], *, identified: bool) -> None:
        self._on_error = on_error
        self._identified = identified

    def tell(self, error: Exception) -> str:
        """The sentence for the page."""
        if isinstance(error, _NAMELESS) or (self._identified and isinstance(error, OctclusterError)):
            return str(error)
        if isinstance(error, OSError):
            self._on_error(str(error))
            return (
                f"this could not be saved or read ({error.strerror}), and nothing was changed: free space, "
                "then try again"
            )
        self._on_error(
            str(error) if isinstance(error, OctclusterError) else f"a fault in octcluster: {error!r}"
        )
        return _ELSEWHERE
