"""Do the clusters of the default recipe match pathology, and how steadily?

Embeds a folder of labelled images once, then prepares, clusters and scores parts of them again and again, as
a run does. Labels decide the draws and the scores, never the clusters. Prints one JSON line:
accuracy and adjusted Rand index on all images over seeds, on draws of 80% of the patients, and on draws by
patient whose classes are as uneven as in OCT2017's training set; the number of clusters chosen, and why;
stability (mean adjusted Rand index between the draws, on their common images, no label); the accuracy on
patients that were held out and assigned, and how well the margin tells which of them are wrong; the draws
again without telling the run which images are of one patient; draws of 100 images, 25 a class; patients with
several images as eyes; and, beside it, what the recipe plain-1 does. For the number of clusters it says which
one was chosen, and which came second.

    .venv/bin/python benchmarks/recipe.py ../shared/oct2017 [--parts all,uneven_draws] [--vectors FILE.npz]

--parts does some of it; --vectors keeps the vectors in a file, or takes them from there.
"""

import argparse
import itertools
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from octcluster.images.folder import find_images
from octcluster.model.recipes import DEFAULT_RECIPE, PLAIN_1, RECIPES, Recipe
from octcluster_clusterer.engine.memory_blocks import MemoryBlocks
from octcluster_clusterer.model import Algorithm, Members, Preparation, RunSpec, VectorSpace
from octcluster_clusterer.runs.choice import CLOSE
from octcluster_clusterer.runs.pipeline import run_pipeline
from octcluster_clusterer.runs.records import RunResult
from octcluster_embedder.images.decoding import ImageLimits, decode_image
from octcluster_embedder.queueing.passes import compute_vectors
from octcluster_embedder.runtimes.loading import load_runtime
from octcluster_embedder.runtimes.runtime import Runtime
from octcluster_embedder.spaces import Features, View
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, roc_auc_score

SEEDS = 10
PATIENT_DRAWS = 20
PATIENT_SHARE = 0.8
SEEDS_OF_DRAW = 3
UNEVEN_DRAWS = 40
UNEVEN_SHARES = {"CNV": 0.44, "NORMAL": 0.31, "DME": 0.14, "DRUSEN": 0.11}
"""Of OCT2017's training set."""
DRAWS_FOR_K = 6
UNEVEN_DRAWS_FOR_K = 10
SMALL_DRAWS = 10
IMAGES_A_CLASS = 25
SPLITS = 10
IMAGES_AT_ONCE = 16
EYE_DRAWS = 20
IMAGES_OF_EYE = 3


@dataclass(frozen=True)
class Images:
    """The vectors of all images, float32, shape (n_images, dimension), and their classes and patients."""

    vectors: NDArray[np.float32]
    part_dimensions: tuple[int, ...]
    classes: NDArray[np.int32]
    class_names: Sequence[str]
    patients: NDArray[np.int32]


def embed(folder: Path, recipe: Recipe, runtime: Runtime | None = None) -> Images:
    """Embeds the labelled images of a folder as the recipe says; None: with the default runtime."""
    image_set = find_images(folder)
    images = [image for image in image_set.images if image.label is not None]
    runtime = runtime or load_runtime()
    views = tuple(View(name) for name in recipe.views)
    space = runtime.spaces[Features(recipe.features)].variant(recipe.flip, views)
    parts = []
    for start in range(0, len(images), IMAGES_AT_ONCE):
        decoded = [
            decode_image(
                image.path.read_bytes(),
                runtime.input_height,
                runtime.input_width,
                ImageLimits(),
                find_retina=View.RETINA in views,
            )
            for image in images[start : start + IMAGES_AT_ONCE]
        ]
        parts.append(compute_vectors(runtime, decoded, space).astype(np.float32))
    names = image_set.classes
    patients = {patient: i for i, patient in enumerate(sorted({str(image.patient) for image in images}))}
    return Images(
        np.concatenate(parts),
        tuple(part.dimension for part in space.parts),
        np.array([names.index(str(image.label)) for image in images], dtype=np.int32),
        names,
        np.array([patients[str(image.patient)] for image in images], dtype=np.int32),
    )


def load(folder: Path, recipe: Recipe, file: Path | None) -> Images:
    """Embeds the images, or takes what was kept in a file; keeps it there."""
    if file is not None and file.exists():
        kept = np.load(file)
        return Images(
            kept["vectors"],
            tuple(kept["part_dimensions"].tolist()),
            kept["classes"],
            kept["class_names"].tolist(),
            kept["patients"],
        )
    images = embed(folder, recipe)
    if file is not None:
        np.savez(file, **vars(images))
    return images


def cluster(  # noqa: PLR0913
    images: Images,
    chosen: NDArray[np.intp],
    recipe: Recipe,
    seed: int,
    k: tuple[int, int] = (4, 4),
    *,
    patients_known: bool = True,
    by_eye: bool = False,
) -> RunResult:
    """Runs the recipe on some of the images, preparation included; each patient as one eye, if by eye."""
    values = asdict(recipe.preparation_for(len(chosen)))
    if len(images.part_dimensions) > 1:
        values["part_dimensions"] = images.part_dimensions
    spec = RunSpec(
        run_id="0" * 32,
        space=VectorSpace(b"0" * 32, images.vectors.shape[1]),
        preparation=Preparation(**values),
        algorithms=[Algorithm(name) for name in recipe.algorithms],
        min_clusters=k[0],
        max_clusters=k[1],
        seed=seed,
    )
    keys = np.zeros((len(chosen), 32), dtype=np.uint8)
    keys[:, :8] = chosen[:, np.newaxis].astype("<i8").view(np.uint8)
    units = np.unique(images.patients[chosen], return_inverse=True)[1].astype(np.int32)
    members = Members(
        keys,
        None,
        patient_indices=images.patients[chosen] if patients_known else None,
        unit_indices=units if by_eye else None,
    )
    return run_pipeline(MemoryBlocks(images.vectors[chosen].copy()), members, spec, lambda *_: None)


def match(labels: NDArray[np.int32], classes: NDArray[np.int32]) -> dict[int, int]:
    """The best one-to-one match: class by cluster."""
    counts = np.zeros((labels.max() + 1, classes.max() + 1), dtype=np.int64)
    np.add.at(counts, (labels, classes), 1)
    return dict(zip(*(side.tolist() for side in linear_sum_assignment(-counts)), strict=True))


def score(labels: NDArray[np.int32], classes: NDArray[np.int32]) -> float:
    """Accuracy under the best one-to-one match."""
    classes_of = match(labels, classes)
    return float(np.mean(np.array([classes_of.get(int(label)) for label in labels]) == classes))


def draw_patients(images: Images, share: float, seed: int) -> NDArray[np.intp]:
    """The images of a random share of the patients."""
    patients = np.unique(images.patients)
    drawn = np.random.default_rng(seed).permutation(patients)[: round(share * len(patients))]
    return np.flatnonzero(np.isin(images.patients, drawn))


def draw_unevenly(images: Images, seed: int) -> NDArray[np.intp]:
    """As many images as there can be with uneven classes.

    By whole patients of each class: the few patients with images of two classes are drawn for each by itself.
    """
    random = np.random.default_rng(seed)
    shares = [UNEVEN_SHARES[name] for name in images.class_names]
    total = min(np.bincount(images.classes) / shares)
    chosen: list[int] = []
    for number, share in enumerate(shares):
        left = int(total * share)
        of_class = images.classes == number
        for patient in random.permutation(np.unique(images.patients[of_class])):
            own = np.flatnonzero(of_class & (images.patients == patient))
            if len(own) <= left:
                chosen.extend(own)
                left -= len(own)
    return np.sort(np.array(chosen, dtype=np.intp))


def draw_few(images: Images, seed: int) -> NDArray[np.intp]:
    """A few images of each class, at random."""
    random = np.random.default_rng(seed)
    chosen = [
        random.choice(np.flatnonzero(images.classes == number), IMAGES_A_CLASS, replace=False)
        for number in range(len(images.class_names))
    ]
    return np.sort(np.concatenate(chosen))


def find_stability(draws: Sequence[tuple[NDArray[np.intp], NDArray[np.int32]]]) -> float:
    """Mean adjusted Rand index between groupings, on the images that both hold."""
    values = []
    for (first, one), (second, other) in itertools.combinations(draws, 2):
        _, left, right = np.intersect1d(first, second, return_indices=True)
        values.append(adjusted_rand_score(one[left], other[right]))
    return float(np.mean(values))


def judge_draws(
    images: Images,
    recipe: Recipe,
    draws: Sequence[NDArray[np.intp]],
    seeds: int,
    *,
    patients_known: bool = True,
) -> dict[str, float]:
    """Accuracy over draws and seeds, and stability between the draws."""
    accuracies, groupings = [], []
    for number, chosen in enumerate(draws):
        tell(f"draw {number + 1} of {len(draws)}")
        for seed in range(seeds):
            result = cluster(images, chosen, recipe, seed, patients_known=patients_known)
            labels = result.results[0].labels
            accuracies.append(score(labels, images.classes[chosen]))
            if seed == 0:
                groupings.append((chosen, labels))
    return {
        "accuracy_mean": round(float(np.mean(accuracies)), 4),
        "accuracy_median": round(float(np.median(accuracies)), 4),
        "accuracy_tenth_percentile": round(float(np.quantile(accuracies, 0.1)), 4),
        "accuracy_min": round(min(accuracies), 4),
        "stability": round(find_stability(groupings), 4),
    }


def judge_all(images: Images, recipe: Recipe, *, patients_known: bool = True) -> dict[str, float]:
    """Accuracy and adjusted Rand index on all images, over seeds."""
    everything = np.arange(len(images.classes))
    accuracies, indices = [], []
    started = time.monotonic()
    for seed in range(SEEDS):
        tell(f"{recipe.name}, seed {seed}")
        result = cluster(images, everything, recipe, seed, patients_known=patients_known)
        labels = result.results[0].labels
        accuracies.append(score(labels, images.classes))
        indices.append(adjusted_rand_score(images.classes, labels))
    return {
        "accuracy_mean": round(float(np.mean(accuracies)), 4),
        "ari_mean": round(float(np.mean(indices)), 4),
        "accuracy_spread": round(max(accuracies) - min(accuracies), 4),
        "seconds_a_run": round((time.monotonic() - started) / SEEDS, 2),
    }


def judge_assignment(images: Images, recipe: Recipe) -> dict[str, float]:
    """Accuracy on the fitted patients and on the held-out ones, by the match of the fitted; margins."""
    fitted_accuracies, assigned_accuracies = [], []
    margins, rights = [], []
    for seed in range(SPLITS):
        tell(f"split {seed + 1} of {SPLITS}")
        chosen = draw_patients(images, PATIENT_SHARE, 100 + seed)
        others = np.setdiff1d(np.arange(len(images.classes)), chosen)
        result = cluster(images, chosen, recipe, seed)
        labels = result.results[0].labels
        if result.fitted is None:
            raise RuntimeError("the run kept nothing to assign by")
        fitted = result.fitted.result(0, VectorSpace(b"0" * 32, images.vectors.shape[1]))
        assigned = fitted.assign(images.vectors[others])
        classes_of = match(labels, images.classes[chosen])
        fitted_accuracies.append(score(labels, images.classes[chosen]))
        found = np.array([classes_of.get(int(cluster)) for cluster in assigned.clusters])
        margins.append(assigned.margins)
        rights.append(found == images.classes[others])
        assigned_accuracies.append(float(np.mean(rights[-1])))
    losses = np.subtract(fitted_accuracies, assigned_accuracies)
    margin, right = np.concatenate(margins), np.concatenate(rights)
    return {
        "fitted": round(float(np.mean(fitted_accuracies)), 4),
        "held_out": round(float(np.mean(assigned_accuracies)), 4),
        "mean_loss": round(float(losses.mean()), 4),
        "worst_loss": round(float(losses.max()), 4),
        "margin_auc": round(float(roc_auc_score(right, margin)), 4),
        "margin_median_right": round(float(np.median(margin[right])), 4),
        "margin_median_wrong": round(float(np.median(margin[~right])), 4),
    }


def judge_eyes(images: Images, recipe: Recipe) -> dict[str, object]:
    """Patients of one class with several images as eyes: by ``--unit eye``, and by the vote of their images.

    On draws of 80% of these patients; the accuracy counts patients.
    """
    sizes = np.bincount(images.patients)
    classes = [np.unique(images.classes[images.patients == patient]) for patient in range(sizes.size)]
    eyes = [i for i, found in enumerate(classes) if sizes[i] >= IMAGES_OF_EYE and found.size == 1]
    of_eyes, of_votes = [], []
    for number in range(EYE_DRAWS):
        tell(f"eyes, draw {number + 1} of {EYE_DRAWS}")
        drawn = np.sort(np.random.default_rng(number).permutation(eyes)[: round(PATIENT_SHARE * len(eyes))])
        chosen = np.flatnonzero(np.isin(images.patients, drawn))
        expected = np.array([classes[patient][0] for patient in drawn])
        of_eyes.append(
            score(cluster(images, chosen, recipe, number, by_eye=True).results[0].labels, expected)
        )
        labels = cluster(images, chosen, recipe, number).results[0].labels
        votes = [np.bincount(labels[images.patients[chosen] == patient]).argmax() for patient in drawn]
        of_votes.append(score(np.array(votes, dtype=np.int32), expected))
    return {
        "eyes": len(eyes),
        "accuracy_mean": round(float(np.mean(of_eyes)), 4),
        "accuracy_min": round(min(of_eyes), 4),
        "vote_of_images_mean": round(float(np.mean(of_votes)), 4),
        "vote_of_images_min": round(min(of_votes), 4),
    }


def judge_counts(
    images: Images, recipe: Recipe, draws: Sequence[NDArray[np.intp]], *, patients_known: bool = True
) -> dict[str, object]:
    """The number of clusters chosen out of 2 to 10 on each draw, the one that came second, and a reason."""
    chosen, second, named, reason = [], [], [], ""
    for number, some in enumerate(draws):
        tell(f"k of draw {number + 1} of {len(draws)}")
        result = cluster(images, some, recipe, 0, (2, 10), patients_known=patients_known)
        ratings = {each.requested_clusters: each.rating or 0.0 for each in result.results}
        chosen.append(result.results[result.chosen].requested_clusters)
        second.append(max((k for k in ratings if k != chosen[-1]), key=lambda k: ratings[k]))
        named.append([k for k in ratings if k != chosen[-1] and ratings[k] >= CLOSE * ratings[second[-1]]])
        reason = reason or result.chosen_reason
    return {"chosen": chosen, "second": second, "named_next": named, "reason_of_first": reason}


def tell(text: str) -> None:
    """Shows progress."""
    print(text, file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", type=Path)
    parser.add_argument("--recipe", choices=sorted(RECIPES), default=DEFAULT_RECIPE.name)
    parser.add_argument(
        "--parts", default="", help="names of the line, with commas; all of them if not given"
    )
    parser.add_argument("--vectors", type=Path)
    arguments = parser.parse_args()
    recipe = RECIPES[arguments.recipe]
    images = load(arguments.images, recipe, arguments.vectors)
    everything = np.arange(len(images.classes))
    by_patient = [draw_patients(images, PATIENT_SHARE, seed) for seed in range(PATIENT_DRAWS)]
    unevenly = [draw_unevenly(images, seed) for seed in range(UNEVEN_DRAWS)]
    few = [draw_few(images, seed) for seed in range(SMALL_DRAWS)]
    parts: dict[str, Callable[[], object]] = {
        "all": lambda: judge_all(images, recipe),
        "draws_of_80_percent": lambda: judge_draws(images, recipe, by_patient, SEEDS_OF_DRAW),
        "uneven_draws": lambda: judge_draws(images, recipe, unevenly, 1),
        "draws_of_100_images": lambda: judge_draws(images, recipe, few, 1),
        "patients_unknown": lambda: {
            "all": judge_all(images, recipe, patients_known=False),
            "draws_of_80_percent": judge_draws(images, recipe, by_patient, 1, patients_known=False),
            "uneven_draws": judge_draws(images, recipe, unevenly, 1, patients_known=False),
            "draws_of_100_images": judge_draws(images, recipe, few, 1, patients_known=False),
        },
        "k_of_2_to_10": lambda: {
            "all": judge_counts(images, recipe, [everything]),
            "draws_of_80_percent": judge_counts(images, recipe, by_patient[:DRAWS_FOR_K]),
            "uneven_draws": judge_counts(images, recipe, unevenly[:UNEVEN_DRAWS_FOR_K]),
        },
        "assignment": lambda: judge_assignment(images, recipe),
        "eyes": lambda: judge_eyes(images, recipe),
        PLAIN_1.name: lambda: judge_all(embed(arguments.images, PLAIN_1), PLAIN_1),
    }
    wanted = arguments.parts.split(",") if arguments.parts else list(parts)
    line: dict[str, object] = {
        "question": "recipe",
        "recipe": recipe.name,
        "images": len(images.classes),
        **{name: parts[name]() for name in wanted},
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
