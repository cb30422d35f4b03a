"""Words of a command as people type them on the command line."""

from __future__ import annotations

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.compose.command.lists import as_word_list
from darkmagic.sweeps.compose.overrides import check_overrides
from darkmagic.sweeps.compose.parse_overrides import parse_override
from darkmagic.sweeps.compose.session import hydra_session

MINE = ["trainer=command", "trainer.metric=val_acc", "trainer.command=[train]"]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("[experiment=example]", ["experiment=example"]),
        (
            "[detect, train, model=yolo11n.pt, epochs=50]",
            ["detect", "train", "model=yolo11n.pt", "epochs=50"],
        ),
        ("[a=1, 'b=[4,1]', c=[2,3]]", ["a=1", "b=[4,1]", "c=[2,3]"]),
        (
            "[--data-dir, images, --epochs, '100', -j, 1]",
            ["--data-dir", "images", "--epochs", "100", "-j", "1"],
        ),
        ("--epochs 3 --lr=1e-3", ["--epochs", "3", "--lr=1e-3"]),
        ("'--name \"my run\" x=1'", ['--name "my run" x=1']),
        ("--name 'my run'", ["--name", "my run"]),
        ("model=a.yaml", ["model=a.yaml"]),
        ("fit", ["fit"]),
        ("[]", []),
        ("[a=1,]", ["a=1"]),
        ("[x={a: 1, b: 2}, y=f(1,2)]", ["x={a: 1, b: 2}", "y=f(1,2)"]),
        ("[\"a=o'brien\", b=it's]", ["a=o'brien", "b=it's"]),
        ("[a=${trainer.script}, b]", ["a=${trainer.script}", "b"]),
        ("[--file, ${trainer.script}]", ["--file", "${trainer.script}"]),
        ("[path=C:\\dir, ü=ß]", ["path=C:\\dir", "ü=ß"]),
    ],
)
def test_words_are_read_as_they_were_meant(typed: str, words: list[str]) -> None:
    """With equals signs, brackets and quotes, as a list or as a line of a shell."""
    value = parse_override(as_word_list(f"trainer.args={typed}")).value()
    assert [str(word) for word in value] == words


def test_words_reach_the_command_with_what_they_refer_to() -> None:
    """They are composed: what stands for another key is that key's value."""
    words = ["trainer.script=mine.py", "trainer.args=[a=1, b=${trainer.script}]"]
    with hydra_session() as hydra:
        config = check_overrides(hydra.config_loader, [*MINE, *words]).config
        assert list(config.trainer.args) == ["a=1", "b=mine.py"]


@pytest.mark.parametrize("key", ["args", "command", "check", "resume"])
@pytest.mark.parametrize("value", ["[a=1, 'b=2]", "--name 'x"])
def test_quotes_that_do_not_close_are_one_line(key: str, value: str) -> None:
    """The key and what was typed are named."""
    with pytest.raises(UserError, match=rf"trainer\.{key}: cannot read .*no closing quotation"):
        as_word_list(f"trainer.{key}={value}")


@pytest.mark.parametrize(
    "other", ["lr=[a=b", "trainer.name=a=b", "trainer.args=${mine}", "trainer.files=[a=b]", "x"]
)
def test_other_overrides_are_left_as_they_are(other: str) -> None:
    """Only lists of a command's words are read so."""
    assert as_word_list(other) == other
