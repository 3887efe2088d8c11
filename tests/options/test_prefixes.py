"""Options may be shortened as long as they are unambiguous, as with argparse."""

from typing import Any

import click
import pytest

from pixlate import get_plugins
from pixlate.options.command.prefixes import with_whole_names
from pixlate.options.command.resolve import resolve


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("--batch 4", "batch_size", 4),
        ("--batch-s=4", "batch_size", 4),
        ("--crop 128", "crop_size", 128),
        ("--no_fl", "flip", False),
        ("--mod pix2pix --lambda_L 3", "lambda_L1", 3.0),
        ("--n_epochs 7", "n_epochs", 7),
    ],
)
def test_an_unambiguous_beginning_is_the_option(words: str, name: str, value: Any) -> None:
    assert resolve("train", ["--dataroot", "x", *words.split()], get_plugins()).values[name] == value


@pytest.mark.parametrize("words", ["--lambda 3", "--n_e 3", "--no 1"])
def test_an_ambiguous_beginning_is_refused_with_the_candidates(words: str) -> None:
    with pytest.raises(click.UsageError, match=r"may mean .* or .*: write the whole name"):
        resolve("train", ["--dataroot", "x", *words.split()], get_plugins())


def test_other_words_stay_as_they_are() -> None:
    options = [click.Option(["--load_size"])]
    words = ["--unknown", "load", "-x", "--load=3", "--", "--load"]
    assert with_whole_names(words, options) == ["--unknown", "load", "-x", "--load_size=3", "--", "--load"]
