"""The file of tokens: one for all, or one for each name; who else can read it; and what is told of it."""

from pathlib import Path

import pytest
from octcluster_serving.callers import NOBODY
from octcluster_serving.errors import UnusableFile
from octcluster_serving.tokens import read_tokens

ONE = "0123456789abcdef-one"
TWO = "0123456789abcdef-two"


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "token"
    file.write_text(text)
    file.chmod(mode)
    return file


def test_one_token_lets_everybody_in_as_nobody(tmp_path: Path) -> None:
    assert read_tokens(written(tmp_path, f"\n{ONE}\n")) == {ONE.encode(): NOBODY}


def test_each_line_says_whose_its_token_is(tmp_path: Path) -> None:
    text = f"# the clinic\nclinic:{ONE}\n\n  study@lab-2.example:{TWO}  \n"
    assert read_tokens(written(tmp_path, text)) == {
        ONE.encode(): "clinic",
        TWO.encode(): "study@lab-2.example",
    }


def test_one_name_may_have_two_tokens_while_they_are_changed(tmp_path: Path) -> None:
    assert set(read_tokens(written(tmp_path, f"a:{ONE}\na:{TWO}\n")).values()) == {"a"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "holds no token"),
        ("# nothing\n", "holds no token"),
        ("short\n", "openssl rand -hex 32"),
        ("a:short\n", "openssl rand -hex 32"),
        (f"a:{ONE} {TWO}\n", "without spaces"),
        (f"{ONE}\n{TWO}\n", "each needs a name"),
        (f"a:{ONE}\n{TWO}\n", "each needs a name"),
        (f"a:{ONE}\nb:{ONE}\n", "one token twice"),
        (f"a:{ONE}é\n", "printable ASCII"),
    ],
)
def test_what_is_no_token_is_refused_without_telling_it(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(UnusableFile, match=complaint) as error:
        read_tokens(written(tmp_path, text))
    assert ONE not in str(error.value)
    assert "short" not in str(error.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(UnusableFile, match="chmod 600"):
        read_tokens(written(tmp_path, ONE, mode))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match="cannot be read"):
        read_tokens(tmp_path / "nothing")
