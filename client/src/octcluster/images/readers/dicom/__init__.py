"""Reads DICOM: ophthalmic tomography, and other objects where they say that they hold B-scans.

dicom_reader.py   the reader: look and read
file.py           header, and where the pixels begin: DicomFile
streams.py        bounds on what a file can make of its bytes
elements.py       tells a file without preamble by its first data elements
objects.py        what an object is, by its SOP class: scans, or something that is left out
facts.py          patient, eye, visit, device, volume and spacing of each frame
frames.py         where each frame lies and how it is stored, checked before anything is decoded
fragments.py      where the fragments of compressed frames lie
codestreams.py    the size that a compressed frame itself tells
decoding.py       from a frame as it is stored to its values
grey.py           from values to grey: rescale, window, MONOCHROME1
reasons.py        words that reasons share
"""

from octcluster.images.readers.dicom.dicom_reader import DicomReader

__all__ = ["DicomReader"]
