"""What a person can do with the groups of a result: each act is a line of the history, and can be undone."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
)

from octcluster.model.errors import ActRefused

NEW = "new"
"""What ``move`` calls a group that is to be made."""
MAX_NAME_CHARACTERS = 200
MAX_NOTE_CHARACTERS = 10_000


def _check_printable(text: str) -> str:
    if not text.replace("\n", "").replace("\t", "").isprintable():
        raise ValueError("it has characters that cannot be shown: type others")
    return text


def _check_line(text: str) -> str:
    if "\n" in text or "\t" in text:
        raise ValueError("it has more than one line: write one")
    return _check_printable(text)


Row = Annotated[StrictInt, Field(ge=0, lt=1 << 31)]
Rows = Annotated[list[Row], Field(min_length=1)]
Name = Annotated[StrictStr, Field(min_length=1, max_length=MAX_NAME_CHARACTERS), AfterValidator(_check_line)]
Text = Annotated[StrictStr, Field(max_length=MAX_NOTE_CHARACTERS), AfterValidator(_check_printable)]


class _Act(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class NameGroup(_Act):
    """Gives a group a name."""

    kind: Literal["name"] = "name"
    group: StrictStr
    name: Name


class NoteGroup(_Act):
    """Gives a group a note; an empty one takes it away."""

    kind: Literal["note"] = "note"
    group: StrictStr
    note: Text


class MergeGroups(_Act):
    """Puts all images of several groups into the first of them."""

    kind: Literal["merge"] = "merge"
    groups: Annotated[list[StrictStr], Field(min_length=2)]
    name: Name | None = None


class SplitGroup(_Act):
    """Makes new groups of parts of a group; images that are in no part stay."""

    kind: Literal["split"] = "split"
    group: StrictStr
    parts: Annotated[list[Rows], Field(min_length=1)]
    names: list[Name] | None = None


class MoveImages(_Act):
    """Moves images into a group, or into a new one with a name."""

    kind: Literal["move"] = "move"
    rows: Rows
    group: StrictStr
    name: Name | None = None


class MarkUnusable(_Act):
    """Marks images as unusable, or as usable again."""

    kind: Literal["unusable"] = "unusable"
    rows: Rows
    unusable: StrictBool


class LabelImages(_Act):
    """Gives images a label by hand; None takes it away."""

    kind: Literal["label"] = "label"
    rows: Rows
    label: Name | None


class PropagateLabels(_Act):
    """Gives images without a label that of the labelled ones near to them.

    Labels that an earlier act of this kind has given, and this one does not give, are removed.
    """

    kind: Literal["propagate"] = "propagate"
    rows: list[Row] = Field(default_factory=list)
    labels: list[StrictInt] = Field(default_factory=list)
    values: list[Name] = Field(default_factory=list)
    certainty: Annotated[float, Field(ge=0, le=1)] = 0.0


Act = (
    NameGroup
    | NoteGroup
    | MergeGroups
    | SplitGroup
    | MoveImages
    | MarkUnusable
    | LabelImages
    | PropagateLabels
)
KINDS = ("name", "note", "merge", "split", "move", "unusable", "label", "propagate")
_ACTS: TypeAdapter[Act] = TypeAdapter(Annotated[Act, Field(discriminator="kind")])


def parse_act(content: Any) -> Act:
    """Reads an act out of JSON values.

    Raises:
        ActRefused: It is none; the message says what is wrong with which of its fields.
    """
    if not isinstance(content, Mapping) or content.get("kind") not in KINDS:
        raise ActRefused(f"this is no act: give an object whose kind is one of {', '.join(KINDS)}")
    try:
        return _ACTS.validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:3]) or "the act"
        raise ActRefused(
            f"the act '{content['kind']}' cannot be done: {field}: {_explain(first['msg'])}"
        ) from None


def _explain(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[0].lower() + message[1:] + "; correct it and send the act again"
