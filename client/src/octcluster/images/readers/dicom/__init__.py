"""Reads DICOM: ophthalmic tomography, and other objects where they say that they hold B-scans.

file.py         header, where the pixels begin, bounds against files that lie  ──▶ DicomFile
objects.py      what an object is, by its SOP class: scans, or something that is left out
facts.py        patient, eye, visit, device, volume and spacing of each frame
frames.py       where each frame lies, checked before anything is decoded; its values
codestreams.py  the size that a compressed frame itself tells
grey.py         from values to grey: rescale, window, MONOCHROME1
dicom_reader.py the reader: look and read
"""

from octcluster.images.readers.dicom.dicom_reader import DicomReader

__all__ = ["DicomReader"]
