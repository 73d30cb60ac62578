"""Files and folders that a storage device, a system or a viewer leaves beside images."""

from collections.abc import Mapping

from octcluster.images.notes import Note

_JUNK = frozenset(
    name.casefold()
    for name in (
        # Storage devices of Synology and QNAP
        *("@eaDir", "#recycle", "#snapshot", "@Recycle", "@Recently-Snapshot", "@tmp", "@sharebin"),
        # Windows and macOS
        *("$RECYCLE.BIN", "RECYCLER", "RECYCLED", "System Volume Information", "__MACOSX"),
        *("_gsdata_", "DfsrPrivate", "FOUND.000", "FOUND.001", "Config.Msi"),
        *("Network Trash Folder", "Temporary Items", "TheVolumeSettingsFolder", "Icon\r"),
        # Linux, and recycle bins by their names
        *(
            "lost+found",
            "__pycache__",
            "Trash",
            "Trash Bin",
            "Recycle Bin",
            "Papierkorb",
            "Corbeille",
            "Papelera",
        ),
        # Nextcloud and NetApp
        *("files_trashbin", "files_versions", "~snapshot"),
        # Small copies that viewers keep
        *("thumbs", "thumb", "_thumbs", "_thumb", "thumbnails", "thumbnail", "_thumbnails", "_thumbnail"),
    )
)
_HIDDEN = (".", "~$")


def is_junk(name: str) -> bool:
    """Whether a file or a folder of this name holds no scans: a hidden one, a recycle bin, thumbnails, ...

    Examples:
        >>> [is_junk(name) for name in ("@eaDir", "._CNV-1-1.jpeg", "$Recycle.Bin", "CNV")]
        [True, True, True, False]
    """
    folded = name.casefold()
    return folded.startswith((*_HIDDEN, "@eadir")) or folded in _JUNK


def describe_junk(junk: Mapping[str, int]) -> list[Note]:
    """Says what was skipped; nothing where nothing was.

    Args:
        junk: Number of skipped files and folders by name.
    """
    if not junk:
        return []
    # Names of hidden files are those of images (``._CNV-1-1.jpeg``) and may be patients'.
    kinds = {name: number for name, number in junk.items() if not name.startswith(_HIDDEN)}
    hidden = sum(junk.values()) - sum(kinds.values())
    shown = [f"{name}: {number:,}" for name, number in sorted(kinds.items())]
    if hidden:
        shown.append(f"hidden: {hidden:,}")
    text = f"Skipped hidden files and folders, recycle bins and thumbnails ({', '.join(shown)})."
    return [Note("junk", text, sum(junk.values()))]
