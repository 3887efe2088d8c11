"""The modes of `--preprocess`, and which of them a text means."""

from typing import Any

import click

from .fields import OneOf

MODES = ("resize_and_crop", "crop", "scale_width", "scale_width_and_crop", "resize", "none")


def preprocess_mode(text: str) -> str | None:
    """The mode that a text means; None if it means none.

    As in the reference, the words in it count: "resize" or "scale_width" first, and then "crop".
    """
    scaling = next((word for word in ("resize", "scale_width") if word in text), "")
    if "crop" in text:
        return f"{scaling}_and_crop" if scaling else "crop"
    return scaling or ("none" if text == "none" else None)


class PreprocessMode(OneOf):
    """The type of `--preprocess`: one of the modes, or a text with their words."""

    def __init__(self) -> None:
        super().__init__(MODES)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return preprocess_mode(str(value).lower().replace("-", "_")) or super().convert(value, param, ctx)
