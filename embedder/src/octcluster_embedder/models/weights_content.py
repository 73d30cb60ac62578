"""What a file is that should hold weights and does not, told by its first bytes before Keras is loaded."""

from pathlib import Path

_HEAD_BYTES = 512
_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_PICKLE = b"\x80"


def find_content_fault(path: Path) -> str:
    """Looks at a file's size and first bytes.

    Args:
        path: The file; its ending says what it should be.

    Returns:
        What is wrong with it, for people; empty if it may be what its ending says.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        return "it is empty"
    if head.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS and not the file itself: run 'git lfs pull' where it is from"
    if head.lstrip().lower().startswith((b"<!doctype html", b"<html", b"<?xml")):
        return "it is a web page, as a refused download or a login leaves behind: get the file again"
    if _is_text(head):
        return "it is a text, and no weights"
    return _find_format_fault(path.name, head)


def _is_text(head: bytes) -> bool:
    try:
        # A character at the end may be cut.
        text = head.decode("utf-8") if len(head) < _HEAD_BYTES else head[:-4].decode("utf-8", errors="ignore")
    except UnicodeDecodeError:
        return False
    return len(text.encode()) >= len(head) - 8 and all(c.isprintable() or c.isspace() for c in text)


def _find_format_fault(name: str, head: bytes) -> str:
    if name.endswith(".h5") and not head.startswith(_HDF5):
        return "it is no HDF5 file, as its ending says"
    if name.endswith(".keras") and not head.startswith(_ZIP):
        return "it is no zip archive, as files of Keras with this ending are"
    if name.endswith(".pth") and head.startswith(_ZIP):
        return (
            "it is in the zip format of PyTorch since 1.6: save it with "
            "torch.save(..., _use_new_zipfile_serialization=False)"
        )
    if name.endswith(".pth") and not head.startswith(_PICKLE):
        return "it is no PyTorch weights file"
    return ""
