"""What images are called in the report, and what is shown of them."""

from octcluster.outputs.pages import Picture
from octcluster.outputs.pages.thumbnails import make_thumbnail
from octcluster.outputs.wording.words import show_text
from octcluster.workflows.outcome import RunOutcome


class ImageNames:
    """Calls images by pseudonyms, or by their own names where that was asked for.

    Attributes:
        identified: Whether images have their own names.
        explanation: What the names mean, in a sentence.
    """

    def __init__(self, outcome: RunOutcome, *, identified: bool, thumbnails: bool) -> None:
        self.identified = identified
        self.explanation = (
            "Images have their paths and patients as names."
            if identified
            else "\u201cImage 17\u201d is row 17 of assignments.csv, its heading not counted."
        )
        self._members = outcome.members
        self._thumbnails = thumbnails

    def show(self, row: int) -> str:
        """What an image is called.

        Args:
            row: Its position among the members.

        Returns:
            ``image 17`` for row 17 of assignments.csv, or its path and patient.
        """
        if not self.identified:
            return f"image {row + 1}"
        member = self._members[row]
        patient = "" if member.patient is None else f" (patient {member.patient})"
        return show_text(f"{member.name}{patient}")

    def picture(self, row: int) -> Picture:
        """An image for a gallery, with its thumbnail where that was asked for, and its class below it."""
        member = self._members[row]
        source = make_thumbnail(member) if self._thumbnails else ""
        return Picture(self.show(row), show_text(member.label or ""), source)
