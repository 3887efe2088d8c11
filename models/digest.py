"""A digest of weights: which trained networks made an image, whatever file they were loaded from."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor, nn


def weights_digest(networks: Mapping[str, nn.Module]) -> str:
    """The SHA-256 of the networks' tensors, with their names, types and shapes, in hexadecimal."""
    digest = hashlib.sha256()
    for name, network in sorted(networks.items()):
        for key, value in sorted(network.state_dict().items()):
            if not isinstance(value, Tensor):  # extra state of a plugin's module
                continue
            tensor = value.detach().cpu().contiguous()
            digest.update(f"{name}.{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
