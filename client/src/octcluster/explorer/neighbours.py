"""The images that are most like an image, by the distance of their prepared vectors."""

from dataclasses import dataclass

import numpy as np

from octcluster.explorer.vectors import VectorArray, read_blocks
from octcluster.model.errors import NotThere


@dataclass(frozen=True)
class Neighbours:
    """The nearest images, the nearest first.

    Attributes:
        rows: Their rows.
        distances: Euclidean distance of each one's prepared vector.
    """

    rows: list[int]
    distances: list[float]


def find_neighbours(vectors: VectorArray, row: int, count: int) -> Neighbours:
    """Finds the images nearest to one of them, which is not among them.

    Args:
        vectors: float32, shape (n_images, dimension); NaN rows are near to none.
        row: The image.
        count: How many.

    Raises:
        NotThere: The vector of the image is lost.
    """
    own = np.asarray(vectors[row], dtype=np.float32)
    if np.isnan(own).any():
        raise NotThere(
            f"the vector of image {row + 1} is lost, and its file could not be read: name the folder of the "
            "images (--images FOLDER), and start again"
        )
    squares = np.empty(len(vectors), dtype=np.float32)
    for rows, block in read_blocks(vectors):
        offsets = block - own
        squares[rows] = np.einsum("ij,ij->i", offsets, offsets)
    squares[row] = np.nan
    known = min(count, int(np.isfinite(squares).sum()))
    nearest = np.argpartition(squares, known - 1)[:known] if known else np.empty(0, dtype=np.int64)
    nearest = nearest[np.lexsort((nearest, squares[nearest]))]
    return Neighbours(nearest.tolist(), [round(float(value), 6) for value in np.sqrt(squares[nearest])])
