"""What a page shows of patients, and what it says of that."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from octcluster.outputs.pages.parts import IDENTIFIED, PSEUDONYMOUS, WITH_PICTURES


@dataclass(frozen=True)
class ReportOptions:
    """What a page shows of the patients.

    Attributes:
        thumbnails: Whether images worth a look are shown as small pictures.
        identified: Whether images and eyes have their own names and patients, instead of pseudonyms.
        cluster_names: What a person has called clusters of this very result.
    """

    thumbnails: bool = False
    identified: bool = False
    cluster_names: Mapping[int, str] = field(default_factory=dict)

    @property
    def privacy(self) -> str:
        """The sentence on that at the end of the page."""
        if self.identified:
            return IDENTIFIED
        return WITH_PICTURES if self.thumbnails else PSEUDONYMOUS
