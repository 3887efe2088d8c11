"""What a translation costs: the parameters that compute it, its multiply-accumulate operations, and its latency."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pixlate.util.sizes import SideRule

WARM_UP = 2  # calls before the first that is measured
MIN_CALLS, MAX_CALLS = 7, 100
SECONDS = 2.0  # of measured calls, at least, unless there are MAX_CALLS

Translation = Callable[[], object]


@dataclass(frozen=True)
class Cost:
    """The cost of one translation.

    - networks: the names of those that computed; parameters: of these.
    - macs: multiply-accumulate operations of convolutions and matrix products, as they are executed.
    """

    networks: tuple[str, ...]
    parameters: int
    macs: int


def cost_of(translate: Translation, networks: Mapping[str, nn.Module]) -> Cost:
    """Count what one call computes.

    - translate: translates once, with some of the networks.
    - networks: by name. Those that the call does not use do not count, such as the other direction of a CycleGAN.
    """
    used: set[str] = set()
    with ExitStack() as stack:
        for name, network in networks.items():
            hook = network.register_forward_pre_hook(lambda *_, name=name: used.add(name))
            stack.callback(hook.remove)
        counter = stack.enter_context(FlopCounterMode(display=False))
        with torch.no_grad():
            translate()
    names = tuple(name for name in networks if name in used)
    parameters = sum(weight.numel() for name in names for weight in networks[name].parameters())
    return Cost(names, parameters, counter.get_total_flops() // 2)  # one multiplication and one addition


def macs_of_generator(network: nn.Module, input_nc: int, height: int, width: int) -> int:
    """The multiply-accumulate operations of a generator, on a CPU, for one image, padded to a size that it takes."""
    rule = SideRule.of([network])
    x = torch.zeros(1, input_nc, rule.at_least(height), rule.at_least(width))
    return cost_of(lambda: network(x), {"G": network}).macs


def latencies(
    translations: Sequence[Translation], device: torch.device, seconds: float = SECONDS
) -> list[tuple[float, ...]]:
    """The seconds of each call of several translations, which take turns, so that a busy moment meets all of them.

    - seconds: how long each is measured, at least.
    """
    for translate in translations:
        for _ in range(WARM_UP):
            translate()
    times: list[list[float]] = [[] for _ in translations]
    while min(map(len, times)) < MAX_CALLS and not all(len(own) >= MIN_CALLS and sum(own) >= seconds for own in times):
        for translate, own in zip(translations, times, strict=True):
            own.append(_seconds(translate, device))
    return [tuple(own) for own in times]


def median_milliseconds(times: Sequence[float]) -> float:
    """The median of times in seconds, in milliseconds."""
    return 1000 * statistics.median(times)


def _seconds(translate: Translation, device: torch.device) -> float:
    _wait(device)
    start = time.perf_counter()
    translate()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    """Until the device has computed what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
