"""Reads what Heidelberg Engineering's viewers export.

vol.py            VOL, and the greys of reflectivity
xml_export.py     XML with images beside it
export_images.py  those images
e2e.py            E2E: volumes out of the pieces of data of a file
e2e_items.py      those pieces, found by the file's directories
"""

from octcluster.images.readers.heidelberg.e2e import HeidelbergE2eReader
from octcluster.images.readers.heidelberg.vol import HeidelbergVolReader
from octcluster.images.readers.heidelberg.xml_export import HeidelbergXmlReader

__all__ = ["HeidelbergE2eReader", "HeidelbergVolReader", "HeidelbergXmlReader"]
