"""``OctEmbedder``: from images to the vectors that the recipe clusters, as scikit-learn wants it."""

from collections import Counter
from os import PathLike, fspath
from os.path import abspath
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from octcluster.given_images import given
from octcluster.images.folder import find_images
from octcluster.images.readers.processes import kept_workers
from octcluster.model.errors import InvalidImageSet
from octcluster.model.progress import Silence
from octcluster.model.recipes import Recipe, default_recipe, find_recipe
from octcluster.workflows.services import ServiceOptions
from octcluster.workflows.vectors import ImageVectors, fetch_vectors

_SHOWN = 3


class OctEmbedder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turns images into the vectors that ``octcluster run`` clusters.

    Embedder and clusterer start for each call and stop after it, unless others are named. Vectors stay in the
    user's cache, so that an image is embedded once.

    Attributes:
        part_dimensions_: Number of values in each part of a vector, for ``ConsensusClusterer(parts=...)``.
        space_: The embedding space of the vectors.
    """

    def __init__(
        self,
        *,
        model: str = "efficientnet-lite0",
        recipe: str | Recipe | None = None,
        embedder: str | None = None,
        clusterer: str | None = None,
        cache_dir: str | Path | None = None,
    ) -> None:
        """Takes options; they are checked by ``fit``.

        Args:
            model: Name of the model.
            recipe: Which features, views and mirror images are taken; None: those of the model's default.
            embedder: Address of an embedder; None: one on this machine.
            clusterer: Address of a clusterer, whose cache keeps vectors; None: one on this machine.
            cache_dir: Cache folder of services on this machine; None: the user's.
        """
        self.model = model
        self.recipe = recipe
        self.embedder = embedder
        self.clusterer = clusterer
        self.cache_dir = cache_dir

    def fit(self, X: Any, y: object = None) -> Self:
        """Embeds images, which shows what their vectors are like; nothing is learned of them.

        Args:
            X: Paths of images; or arrays, uint8 or uint16 of shape (height, width) or uint8 of (height,
                width, 3).
            y: Not used.

        Raises:
            InvalidImageSet: An image cannot be used.
            OctclusterError: The services could not do it; the message says what to do.
        """
        self.fit_transform(X)
        return self

    def fit_transform(self, X: Any, y: object = None) -> NDArray[np.float32]:
        """Embeds images; see ``fit`` and ``transform``."""
        vectors, found = self._embed(X)
        self.space_ = found.space
        self.part_dimensions_ = tuple(found.space.part_dimensions) or (found.space.dimension,)
        return vectors

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Embeds images.

        Args:
            X: See ``fit``.

        Returns:
            float32, shape (n_images, n_features), in the order of the images.

        Raises:
            InvalidImageSet: An image cannot be used, or the embedder is another one than that of the fit.
        """
        check_is_fitted(self)
        vectors, found = self._embed(X)
        if found.space.digest != self.space_.digest:
            raise InvalidImageSet(
                "the embedder has another model, other weights or another release than at the fit: fit again"
            )
        return vectors

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "space_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _embed(self, X: Any) -> tuple[NDArray[np.float32], ImageVectors]:
        images = _list_images(X)
        recipe = find_recipe(self.recipe) if isinstance(self.recipe, str) else self.recipe
        options = ServiceOptions(
            model=self.model,
            embedder=self.embedder,
            clusterer=self.clusterer,
            cache_dir=None if self.cache_dir is None else Path(self.cache_dir),
        )
        with kept_workers(), given(images, "none") as (source, labels, _):
            image_set = find_images(source, labels)
            found = fetch_vectors(image_set, recipe or default_recipe(self.model), options, Silence())
            _check_all(found)
            rows = _find_rows(images, found)
        kind = np.dtype(found.space.data_type).newbyteorder("<")
        table = np.stack([np.frombuffer(vector, kind) for vector in found.vectors]).astype(np.float32)
        return table[rows], found


def _list_images(X: Any) -> list[Any]:
    if isinstance(X, str | PathLike):
        raise InvalidImageSet(
            f"{X} is one path: give the paths of images one by one, such as "
            "sorted(Path('scans').rglob('*.png'))"
        )
    values = getattr(X, "to_numpy", lambda: X)()
    if getattr(values, "dtype", None) is not None and values.dtype.kind in "OUST":
        return list(values.ravel().tolist())
    return list(values)


def _check_all(found: ImageVectors) -> None:
    """Raises InvalidImageSet if an image has no vector: a transformer leaves none out."""
    if found.failures:
        shown = "".join(f"\n  {one.image.name}: {one.reason}" for one in found.failures[:_SHOWN])
        raise InvalidImageSet(f"{len(found.failures):,} images cannot be used: leave them out{shown}")


def _find_rows(images: list[Any], found: ImageVectors) -> list[int]:
    """The row of the vector of each image."""
    if hasattr(images[0], "shape"):  # named by their numbers
        return list(range(len(images)))
    root = found.images[0].root.absolute()
    by_name = {root / scan.name: row for row, scan in enumerate(found.images)}
    by_file = {scan.path.absolute(): row for row, scan in enumerate(found.images)}
    scans = Counter(scan.file_name for scan in found.images)
    rows = []
    for image in images:
        path = Path(abspath(fspath(image)))
        row = by_name[path] if path in by_name else by_file[path]
        scan = found.images[row]
        if path not in by_name and scans[scan.file_name] > 1:
            raise InvalidImageSet(f"{image} holds several B-scans: name one of them, such as {path.name}#1")
        rows.append(row)
    return rows
