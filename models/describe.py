"""Networks in words."""

from collections.abc import Mapping

from torch import nn


def description(networks: Mapping[str, nn.Module], *, layers: bool = False) -> str:
    """A line per network with its number of parameters; before it its layers, where asked for."""
    lines = []
    for name, network in networks.items():
        if layers:
            lines.append(str(network))
        count = sum(weight.numel() for weight in network.parameters())
        lines.append(f"[Network {name}] {count / 1e6:.3f} M parameters")
    return "\n".join(lines)
