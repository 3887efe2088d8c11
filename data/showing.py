"""How a data set shows itself in a notebook: what it holds, and a few samples as the model would see them."""

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

from pixlate.plugins.field import Field
from pixlate.util.image_io import ImageArray, to_image
from pixlate.util.notebook import card, image_table, note, table
from pixlate.util.text import one_line

from .field_values import EIGHT_BIT, displayed

SAMPLES = 3
FEW = 16  # fields, of samples with many


class Shown(Protocol):
    """The part of a data set that is shown."""

    @property
    def fields(self) -> Mapping[str, Field]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    def describe(self) -> str: ...


def html_of(dataset: Shown) -> str:
    """The HTML of a data set. What cannot be read is said in its place, because showing an object must not fail."""
    rows: dict[str, dict[str, ImageArray]] = {}
    problems = []
    sizes: dict[str, str] = {}
    for index in range(0, len(dataset), max(1, len(dataset) // SAMPLES))[:SAMPLES]:
        try:
            item = dataset[index]
            images = {name: value for name, value in item.items() if isinstance(value, Tensor) and value.dim() == 3}
            sizes |= {name: " × ".join(map(str, image.shape)) for name, image in images.items()}
            rows[f"{index}"] = {
                name: to_image(displayed(image, dataset.fields.get(name, EIGHT_BIT))) for name, image in images.items()
            }
        except Exception as error:  # a file that cannot be read, or a plugin's mistake
            problems.append(note(f"{index}: {one_line(error)}."))
    fields = [(name, field.kind, sizes.get(name, "")) for name, field in list(dataset.fields.items())[:FEW]]
    facts = {"content": dataset.describe(), "samples": f"{len(dataset):,}"}
    body = [table(("field", "kind", "C × H × W"), fields)] if fields else []
    return card(type(dataset).__name__, facts, *body, image_table(rows), *problems)
