"""Numbers outside of an option's range are refused before anything starts; those at its ends are accepted."""

import click
import pytest

from pixlate import get_plugins
from pixlate.errors import PixlateError
from pixlate.options.command.resolve import resolve

WHOLE = (("-1", "1.5", "x"), ("0",))
COUNT = (("0", "-1", "1.5", "x"), ("1",))
NOT_NEGATIVE = (("-1", "nan", "inf", "x"), ("0",))

#: The values that each option refuses, and some that it accepts.
NUMBERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    **dict.fromkeys(("n_epochs", "n_epochs_decay", "pool_size", "num_threads", "max_bad_images", "keep"), WHOLE),
    **dict.fromkeys(("lr_decay_iters", "accumulate", "load_size", "crop_size", "batch_size", "epoch_count"), COUNT),
    **dict.fromkeys(("print_freq", "display_freq", "save_latest_freq", "save_epoch_freq"), COUNT),
    **dict.fromkeys(("input_nc", "output_nc", "ngf", "ndf", "max_image_pixels", "display_winsize"), COUNT),
    **dict.fromkeys(("lr", "init_gain", "clip_grad", "lambda_gp", "save_every_minutes"), NOT_NEGATIVE),
    "n_layers_D": (("0", "33", "x"), ("1", "32")),
    "ema_decay": (("-0.1", "1.1", "nan", "x"), ("0", "1")),
    "beta1": (("-0.1", "1", "nan", "x"), ("0", "0.9")),
    "seed": (("-1", "9223372036854775808", "x"), ("0", "9223372036854775807")),
    "max_dataset_size": (("0", "-1", "x"), ("1", "inf")),
}


def value_of(name: str, text: str) -> object:
    return resolve("train", ["--dataroot", "x", f"--{name}", text], get_plugins()).values[name]


@pytest.mark.parametrize(("name", "text"), [(name, text) for name in NUMBERS for text in NUMBERS[name][0]])
def test_outside_of_the_range(name: str, text: str) -> None:
    with pytest.raises((PixlateError, click.ClickException)) as caught:
        value_of(name, text)
    error = caught.value
    assert f"--{name}" in (error.format_message() if isinstance(error, click.ClickException) else str(error))


@pytest.mark.parametrize(("name", "text"), [(name, text) for name in NUMBERS for text in NUMBERS[name][1]])
def test_at_the_ends_of_the_range(name: str, text: str) -> None:
    value = value_of(name, text)
    assert value == (None if text == "inf" else float(text) if isinstance(value, float) else int(text))


@pytest.mark.parametrize("name", ["a\nb", "a\x1bb", "../a", "a/../b", "a/../../b"])
def test_a_name_is_a_plain_path(name: str) -> None:
    with pytest.raises(PixlateError, match="must be a plain name"):
        value_of("name", name)


@pytest.mark.parametrize("name", ["display_winsize", "num_test"])
def test_outside_of_the_range_of_a_test_s_option(name: str) -> None:
    with pytest.raises(click.ClickException) as caught:
        resolve("test", ["--dataroot", "x", f"--{name}", "0"], get_plugins())
    assert f"--{name}" in caught.value.format_message()


@pytest.mark.parametrize(
    ("model", "name"),
    [("pix2pix", "lambda_L1"), ("cycle_gan", "lambda_A"), ("cycle_gan", "lambda_B"), ("cycle_gan", "lambda_identity")],
)
def test_weights_of_losses_are_not_negative(model: str, name: str) -> None:
    for text in ("-1", "nan"):
        with pytest.raises(click.ClickException) as caught:
            resolve("train", ["--dataroot", "x", "--model", model, f"--{name}", text], get_plugins())
        assert f"--{name}" in caught.value.format_message()
    assert resolve("train", ["--dataroot", "x", "--model", model, f"--{name}", "0"], get_plugins()).values[name] == 0
