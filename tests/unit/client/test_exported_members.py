"""The public names of the library. A change of this list is a change for everybody who uses it."""

from types import ModuleType

import octcluster
from octcluster import public

PUBLIC = [
    "ALGORITHMS",
    "DEFAULT_RECIPE",
    "FEATURES",
    "RECIPES",
    "AccessDenied",
    "AddressInvalid",
    "AlgorithmInfo",
    "AssignOptions",
    "AssignOutcome",
    "Assignment",
    "Assignments",
    "Association",
    "AsyncClustererClient",
    "AsyncEmbedderClient",
    "CacheDirectoryBusy",
    "CallCancelled",
    "ClustererClient",
    "ClustererInfo",
    "ClustererLimits",
    "ClusteringResult",
    "ConnectionNotSecure",
    "Contingency",
    "DaskPlace",
    "DaskUnavailable",
    "DeadlineExceeded",
    "Described",
    "DuplicateSearch",
    "Duplicates",
    "EmbedFailure",
    "EmbedOptions",
    "EmbedOutcome",
    "EmbedderClient",
    "EmbedderInfo",
    "EmbedderLimits",
    "Embedding",
    "EmbeddingSpace",
    "ExtraNotInstalled",
    "EyePlacement",
    "Failure",
    "FinishedRun",
    "ImageSet",
    "IncompatibleServer",
    "Interval",
    "InvalidArguments",
    "InvalidImageSet",
    "LocalStackError",
    "MeasureSpace",
    "Member",
    "ModelInfo",
    "ModelNotServed",
    "NearDuplicate",
    "NotReady",
    "OctclusterError",
    "Placements",
    "Preparation",
    "Progress",
    "PutReport",
    "Recipe",
    "RequestRefused",
    "Run",
    "RunCancelled",
    "RunFailed",
    "RunModel",
    "RunNotFound",
    "RunOptions",
    "RunOutcome",
    "RunResult",
    "RunSpec",
    "RunState",
    "RunStatus",
    "Scan",
    "Score",
    "Scores",
    "ServerFailed",
    "ServerOverloaded",
    "ServerUnavailable",
    "ServiceError",
    "Silence",
    "SpaceMismatch",
    "Stability",
    "Study",
    "Tls",
    "TooFewImages",
    "UnitPlacement",
    "assign",
    "assign_images",
    "describe",
    "embed_images",
    "find_run",
    "image_key",
    "read_token",
    "run",
    "run_images",
    "study",
]


def test_exports_the_public_names_and_no_other() -> None:
    assert octcluster.__all__ == PUBLIC
    assert {name: getattr(octcluster, name) for name in PUBLIC}.items() <= vars(public).items()
    assert set(PUBLIC) <= set(dir(octcluster))
    assert not hasattr(octcluster, "ModuleType")


def test_every_public_name_is_exported() -> None:
    present = {
        name
        for name, member in vars(public).items()
        if not name.startswith("_") and not isinstance(member, ModuleType)
    }
    assert present == set(PUBLIC)


def test_names_are_in_order() -> None:
    assert sorted(PUBLIC, key=lambda name: (name.islower(), not name.isupper(), name)) == PUBLIC
