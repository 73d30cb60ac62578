"""How results are put into words for people, on the terminal and in the report."""

from collections.abc import Sequence

from octcluster.images.image_set import ImageSet
from octcluster.images.notes import Note
from octcluster.model.results import ClusteringResult, Score
from octcluster.model.runs import Unit

RESEARCH_USE_ONLY = "For research use only: not a medical device, and not for diagnosis."

NOISE = -1
_PLURALS = {"person": "people"}

_ALGORITHM_NAMES = {
    "kmeans": "K-means",
    "minibatch-kmeans": "mini-batch K-means",
    "gmm": "Gaussian mixture",
    "spectral": "spectral clustering",
    "agglomerative": "agglomerative clustering",
    "hdbscan": "HDBSCAN",
    "hg-means": "K-means by genetic search",
    "consensus": "consensus of K-means",
    "uneven-consensus": "uneven consensus",
}


def name_algorithm(algorithm: str) -> str:
    """The algorithm's name for people."""
    return _ALGORITHM_NAMES.get(algorithm, algorithm)


def name_cluster(cluster: int) -> str:
    """The cluster's name for people."""
    return "noise" if cluster == NOISE else f"cluster {cluster}"


def show_text(text: str) -> str:
    """Makes a name from outside safe to show: no control characters, no broken Unicode."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def count(number: int, noun: str) -> str:
    """The number with its noun, in the plural where it needs one."""
    plural = _PLURALS.get(noun, noun + ("es" if noun.endswith("s") else "s"))
    return f"{number:,} {noun if number == 1 else plural}"


def are(number: int) -> str:
    """The verb of so many: is or are."""
    return "is" if number == 1 else "are"


def have(number: int) -> str:
    """The verb of so many: has or have."""
    return "has" if number == 1 else "have"


def format_score(score: Score) -> str:
    """The score with three decimals, marked if it is an estimate, or a dash where it is undefined."""
    if score.value is None:
        return "\N{EN DASH}"
    mark = "\N{ALMOST EQUAL TO}" if score.sampled_units else ""
    return f"{mark}{score.value:z.3f}"


def format_interval(score: Score) -> str:
    """The score's 95% interval as ``0.890 to 0.960``, empty where it is unknown."""
    return "" if score.interval is None else f"{score.interval.low:z.3f} to {score.interval.high:z.3f}"


def judge_silhouette(silhouette: float, *, whitened: bool) -> str:
    """What a mean silhouette says, after Kaufman and Rousseeuw, Finding Groups in Data (1990).

    Their limits are for distances as they are: whitening makes all distances alike and all silhouettes small.
    """
    if whitened:
        return "of whitened features it is always small, and serves only to compare clusterings"
    if silhouette > 0.70:
        return "the clusters are strongly separated"
    if silhouette > 0.50:
        return "the clusters are reasonably separated"
    if silhouette > 0.25:
        return "the clusters are weakly separated and could be artificial"
    return "the clusters overlap: there is no substantial structure by this measure"


def describe_sample(result: ClusteringResult, unit: Unit) -> list[str]:
    """Says that the silhouette is an estimate, and how good; nothing if it is exact."""
    score = result.scores.silhouette
    if not score.sampled_units:
        return []
    return [
        f"It is estimated from a random sample of {count(score.sampled_units, unit)} "
        f"(95% interval {format_interval(score)}); all other scores are exact."
    ]


def describe_joining(results: Sequence[ClusteringResult], unit: Unit) -> list[str]:
    """Says which algorithms clustered a sample that all others joined; nothing if none did."""
    sampled = {result.algorithm: result.sampled_units for result in results if result.sampled_units}
    return [
        f"{name_algorithm(algorithm)}: a random sample of {count(size, unit)} was clustered, and every other "
        f"{unit} joined the nearest one in it."
        for algorithm, size in sampled.items()
    ]


def describe_noise(results: Sequence[ClusteringResult]) -> list[str]:
    """Says what the silhouettes of results with noise count for in the choice; nothing if there is none."""
    if len(results) < 2:
        return []
    sentences = []
    for result in results:
        silhouette = result.scores.silhouette.value
        if not result.noise or silhouette is None:
            continue
        grouped = sum(result.cluster_sizes)
        of_all = silhouette * grouped / (grouped + result.noise)
        sentences.append(
            f"The silhouette {silhouette:z.3f} of {name_algorithm(result.algorithm)} is that of the "
            f"{count(grouped, 'image')} that are not noise; in the choice noise counts as 0, which makes it "
            f"{of_all:z.3f}."
        )
    return sentences


def describe_answer(
    result: ClusteringResult, class_sizes: Sequence[int], *, whitened: bool, unit: Unit = "image"
) -> list[str]:
    """What one clustering found, in sentences.

    Args:
        result: The clustering.
        class_sizes: Number of clustered images, or eyes, of each known class.
        whitened: Whether the features were whitened.
        unit: What was clustered.

    Returns:
        Sentences, the most important first.
    """
    images = sum(result.cluster_sizes) + result.noise
    noise = f" and left {count(result.noise, unit)} out as noise" if result.noise else ""
    sentences = [
        f"{capitalize(name_algorithm(result.algorithm))} put {count(images - result.noise, unit)} into "
        f"{count(result.clusters, 'cluster')}{noise}."
    ]
    sentences += _describe_single(result, images, unit) if class_sizes else []
    accuracy, rand_index = result.scores.accuracy.value, result.scores.adjusted_rand_index.value
    if accuracy is not None:
        labelled = sum(class_sizes)
        of_what = f"the {unit}s" if labelled == images else f"the {count(labelled, unit)} with a known class"
        sentences.append(
            f"{accuracy:.1%}{_describe_interval(result.scores.accuracy)} of {of_what} lie in the cluster "
            f"that matches their class best, one cluster for one class; a single cluster for everything "
            f"would reach {max(class_sizes) / labelled:.1%}."
        )
    elif class_sizes:
        why = result.scores.accuracy.undefined_reason
        sentences.append(f"How well the clusters match the known classes cannot be told: {why}.")
    if rand_index is not None:
        sentences.append(
            f"The adjusted Rand index is {rand_index:z.3f} (0 is chance, 1 is perfect agreement)."
        )
    silhouette = result.scores.silhouette.value
    if silhouette is not None:
        sentences.append(
            f"The mean silhouette is {silhouette:z.3f} (at most 1): "
            f"{judge_silhouette(silhouette, whitened=whitened)}."
        )
        sentences += describe_sample(result, unit)
    else:
        sentences.append(f"The silhouette is undefined: {result.scores.silhouette.undefined_reason}.")
    return sentences


def _describe_single(result: ClusteringResult, images: int, unit: Unit) -> list[str]:
    """What clusters of one image each do to scores; nothing if there are none."""
    single = result.cluster_sizes.count(1)
    if result.clusters == images > 1:
        return [f"Each {unit} is a cluster of its own, so scores by class mean nothing."]
    if not single:
        return []
    hold = f"{count(single, 'cluster')} {'holds' if single == 1 else 'hold'} one {unit}"
    return [f"{hold}{' each' * (single > 1)}: purity and homogeneity are higher for that alone."]


def show_note(note: Note) -> str:
    """A note with its examples, for the person who started the command: they may name patients."""
    examples = f" For example {', '.join(note.examples)}." if note.examples else ""
    return show_text(note.text + examples)


def describe_failed(failed: int, images: int) -> list[str]:
    """How many images could not be used; nothing if all could."""
    if not failed:
        return []
    return [f"{failed:,} of {count(images, 'image')} failed and {are(failed)} in no cluster."]


def describe_missing_labels(image_set: ImageSet) -> list[str]:
    """Labels without an image, and images without a label, in sentences; nothing if there are none."""
    unlabelled = sum(image.label is None for image in image_set.images)
    sentences = []
    if image_set.classes and unlabelled:
        sentences.append(
            f"{unlabelled:,} of {count(len(image_set.images), 'image')} {have(unlabelled)} no known class: "
            "scores by class leave them out."
        )
    return sentences + describe_stray_rows(image_set)


def describe_stray_rows(image_set: ImageSet) -> list[str]:
    """Labels without an image, in a sentence; nothing if there are none."""
    if not image_set.stray_rows:
        return []
    rows = count(len(image_set.stray_rows), "row")
    name = "names" if len(image_set.stray_rows) == 1 else "name"
    return [
        f"{rows} of the table of labels {name} no image here, the first of them row "
        f"{image_set.stray_rows[0]:,} of the file: the name may be mistyped, or the image elsewhere."
    ]


def _describe_interval(score: Score) -> str:
    if score.interval is None:
        return ""
    if score.interval.low == score.interval.high:
        return " (no interval: nearly all redraws gave the same)"
    return f" (95% interval {score.interval.low:.1%} to {score.interval.high:.1%})"


def capitalize(text: str) -> str:
    """The text with a capital first letter, the others as they are."""
    return text[:1].upper() + text[1:]
