"""What computes behind a Translator: a model of pixlate, or another form of a trained generator."""

import threading
from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Protocol

from torch import Tensor

from pixlate.models.base import BaseModel
from pixlate.models.digest import weights_digest
from pixlate.plugins.field import Field
from pixlate.util.sizes import SideRule

NO_FIELDS: Mapping[str, Field] = MappingProxyType({})


class Engine(Protocol):
    """Translates batches of tensors. It may be called by several threads at once."""

    @property
    def name(self) -> str:
        """What it is, for people: the class of a model, or the format of a file."""

    @property
    def network(self) -> str:
        """The name of the generator's network, as of --netG."""

    @property
    def device(self) -> str:
        """Where it computes: "cpu", "cuda:0"."""

    @property
    def fields(self) -> Mapping[str, Field]:
        """The fields of the data by name, with A as the input; empty where none are known."""

    @property
    def channels(self) -> tuple[int, int]:
        """The channels of the input and of the output."""

    @property
    def output_scale(self) -> int | Fraction:
        """Pixels of the output per pixel of the input."""

    @property
    def parameters(self) -> int:
        """The number of its weights; 0 where it is unknown."""

    @property
    def digest(self) -> str:
        """A SHA-256 of its weights, in hexadecimal; empty where it is unknown."""

    def sides(self) -> SideRule:
        """The sides of images that it takes; after `prepare`."""

    def prepare(self, batch: Mapping[str, Any]) -> None:
        """Called with each batch before its images are padded, for parts that the first batch defines."""

    def run(self, batch: Mapping[str, Any]) -> Tensor:
        """The translation of a batch's "A", N×C×H×W in [-1, 1] of accepted sides."""


class ModelEngine:
    """A model of pixlate, created with train=False.

    - load: loads the weights of a model whose networks depend on data, once its first batch is known.
    - running_statistics: batch norm uses its running statistics and dropout is off, as with `--eval`.
    """

    def __init__(
        self,
        model: BaseModel[Any],
        *,
        load: Callable[[BaseModel[Any]], None] | None = None,
        running_statistics: bool = False,
    ) -> None:
        self.model, self.running_statistics = model, running_statistics
        self._load, self._lock = load, threading.Lock()
        self._digest = ""

    @property
    def name(self) -> str:
        return type(self.model).__name__

    @property
    def network(self) -> str:
        return self.model.shared.netG

    @property
    def device(self) -> str:
        return str(self.model.device)

    @property
    def fields(self) -> Mapping[str, Field]:
        return self.model.context.fields or NO_FIELDS

    @property
    def channels(self) -> tuple[int, int]:
        # Where B is a* and b*, the output is the image in colour.
        B = self.fields.get("B")
        return self.model.shared.input_nc, 3 if B is not None and B.space else self.model.shared.output_nc

    @property
    def output_scale(self) -> int | Fraction:
        return self.model.output_scale

    @property
    def parameters(self) -> int:
        return sum(weights.numel() for net in self.model.networks.values() for weights in net.parameters())

    @property
    def digest(self) -> str:
        if self._load is None and not self._digest:  # of weights that are not loaded there is none
            self._digest = weights_digest(self.model.networks)
        return self._digest

    def sides(self) -> SideRule:
        return SideRule.of(self.model.networks.values())

    def prepare(self, batch: Mapping[str, Any]) -> None:
        if self._load is None:
            return
        with self._lock:  # another thread waits until they are loaded
            if self._load is not None:
                self.model.prepare_once(self.model.directed(batch))
                self._load(self.model)
                self._load = None

    def run(self, batch: Mapping[str, Any]) -> Tensor:
        return self.model.fake(batch, running_statistics=self.running_statistics)
