"""The learning rates of a run, as viewers show them."""

from pixlate.plugins.run import Run


def learning_rates(run: Run) -> dict[str, float]:
    """The current learning rate of each optimizer, by the optimizer's name: {"G": 0.0002, "D": 0.0002}."""
    return {name: float(optimizer.param_groups[0]["lr"]) for name, optimizer in run.model.optimizers.items()}
