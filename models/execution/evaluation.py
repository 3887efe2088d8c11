"""A network in evaluation mode, without a change of the network itself."""

from typing import TypeVar

from torch import nn

M = TypeVar("M", bound=nn.Module)


def evaluation_view(module: M) -> M:
    """The module in evaluation mode: a copy of the tree of modules that shares parameters, buffers and hooks.

    `module.eval()` would change the module, and with it a training of it in another thread. In evaluation mode layers
    of torch and of plugins use running statistics, draw no dropout and update nothing; pixlate's own norms and dropout
    follow the inference mode in both.
    """
    return _copied(module, {})


def _copied(module: M, copies: dict[int, nn.Module]) -> M:
    known = copies.get(id(module))
    if known is not None:  # a module that is used twice
        return known  # type: ignore[return-value]
    # Not copy.copy, which torch refuses for modules with parametrisations.
    view: M = module.__class__.__new__(module.__class__)
    copies[id(module)] = view
    view.__dict__.update(module.__dict__)
    view.__dict__["training"] = False
    view.__dict__["_modules"] = {
        name: None if child is None else _copied(child, copies) for name, child in module._modules.items()
    }
    return view
