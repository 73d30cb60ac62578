"""What images, or eyes, are called in a page, and what is shown of them."""

from collections.abc import Mapping, Sequence

from octcluster.images.eyes import ScannedEye
from octcluster.images.image_set import Scan
from octcluster.outputs.pages.parts import Picture
from octcluster.outputs.pages.thumbnails import make_thumbnail
from octcluster.outputs.wording.words import capitalize, name_cluster, show_text

_NAMES = {"image": "their paths and patients", "eye": "their patients, sides and visits"}
_TABLES = {"image": "assignments.csv", "eye": "eyes.csv"}


class ImageNames:
    """Calls images, or eyes, by pseudonyms, or by their own names where that was asked for.

    Attributes:
        identified: Whether they have their own names.
        thumbnails: Whether they are shown as small pictures.
        explanation: What the names mean, in a sentence.
    """

    def __init__(
        self,
        units: Sequence[Scan] | Sequence[ScannedEye],
        members: Sequence[Scan],
        *,
        identified: bool,
        thumbnails: bool,
        clusters: Mapping[int, str] | None = None,
    ) -> None:
        """Names these images, or these eyes, whose scans are members; and clusters, as a person did."""
        self._clusters = clusters or {}
        self.identified = identified
        self.thumbnails = thumbnails
        self._unit = "eye" if any(isinstance(unit, ScannedEye) for unit in units) else "image"
        self._units = units
        self._members = members
        self.explanation = (
            f"{capitalize(self._unit)}s have {_NAMES[self._unit]} as names."
            if identified
            else f"\u201c{capitalize(self._unit)} 17\u201d is row 17 of {_TABLES[self._unit]}, its "
            "heading not counted."
        )

    def show(self, row: int) -> str:
        """What an image is called.

        Args:
            row: Its position among the images, or the eyes.

        Returns:
            ``image 17`` for row 17 of assignments.csv, ``eye 17`` for row 17 of eyes.csv, or its own name:
            path and patient of an image, patient and visit of an eye.
        """
        unit = self._units[row]
        if not self.identified:
            return f"{self._unit} {row + 1}"
        if isinstance(unit, ScannedEye) or unit.patient is None:
            return show_text(unit.name)
        return show_text(f"{unit.name} (patient {unit.patient})")

    def show_cluster(self, cluster: int) -> str:
        """What a cluster is called: ``cluster 2``, or ``cluster 2: CNV`` if a person has named it so."""
        name = self._clusters.get(cluster)
        return name_cluster(cluster) + (f": {show_text(name)}" if name else "")

    def picture(self, row: int) -> Picture:
        """An image for a gallery, with its thumbnail where that was asked for, and its class below it.

        The picture of an eye is that of its middle scan.
        """
        unit = self._units[row]
        if not self.thumbnails:
            return Picture(self.show(row), show_text(unit.label or ""))
        scan = self._members[unit.rows[len(unit.rows) // 2]] if isinstance(unit, ScannedEye) else unit
        return Picture(self.show(row), show_text(unit.label or ""), make_thumbnail(scan))
