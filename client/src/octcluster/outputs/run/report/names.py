"""What images, or eyes, are called in the report, and what is shown of them."""

from octcluster.images.eyes import ScannedEye
from octcluster.outputs.pages import Picture
from octcluster.outputs.pages.thumbnails import make_thumbnail
from octcluster.outputs.wording.words import capitalize, show_text
from octcluster.workflows.outcome import RunOutcome

_NAMES = {"image": "their paths and patients", "eye": "their patients, sides and visits"}
_TABLES = {"image": "assignments.csv", "eye": "eyes.csv"}


class ImageNames:
    """Calls images by pseudonyms, or by their own names where that was asked for.

    Attributes:
        identified: Whether images have their own names.
        explanation: What the names mean, in a sentence.
    """

    def __init__(self, outcome: RunOutcome, *, identified: bool, thumbnails: bool) -> None:
        self.identified = identified
        self.explanation = (
            f"{capitalize(outcome.unit)}s have {_NAMES[outcome.unit]} as names."
            if identified
            else f"\u201c{capitalize(outcome.unit)} 17\u201d is row 17 of {_TABLES[outcome.unit]}, its "
            "heading not counted."
        )
        self._outcome = outcome
        self._thumbnails = thumbnails

    def show(self, row: int) -> str:
        """What an image is called.

        Args:
            row: Its position among the images, or the eyes, that were clustered.

        Returns:
            ``image 17`` for row 17 of assignments.csv, ``eye 17`` for row 17 of eyes.csv, or its own name:
            path and patient of an image, patient and visit of an eye.
        """
        unit = self._outcome.units[row]
        if not self.identified:
            return f"{self._outcome.unit} {row + 1}"
        if isinstance(unit, ScannedEye) or unit.patient is None:
            return show_text(unit.name)
        return show_text(f"{unit.name} (patient {unit.patient})")

    def picture(self, row: int) -> Picture:
        """An image for a gallery, with its thumbnail where that was asked for, and its class below it.

        The picture of an eye is that of its middle scan.
        """
        unit = self._outcome.units[row]
        if not self._thumbnails:
            return Picture(self.show(row), show_text(unit.label or ""))
        scan = self._outcome.members[unit.rows[len(unit.rows) // 2]] if isinstance(unit, ScannedEye) else unit
        return Picture(self.show(row), show_text(unit.label or ""), make_thumbnail(scan))
