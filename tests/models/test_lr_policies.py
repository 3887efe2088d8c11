"""The learning rate over a whole run, policy by policy."""

import pytest
import torch

from pixlate import get_plugins
from pixlate.models.lr_policies import LearningRate, Plateau, Policy, Schedule
from pixlate.plugins.run import Progress

SCHEDULE = Schedule(n_epochs=100, n_epochs_decay=100, lr_decay_iters=50)


def policy(name: str, schedule: Schedule = SCHEDULE) -> Policy:
    result: Policy = get_plugins().registry("lr_policy").get(name).load()(schedule)
    return result


def factors(of: Policy, *epochs: int) -> list[float]:
    return [of.factor(Progress(epoch)) for epoch in epochs]


def test_linear_is_the_references_of_2025() -> None:
    linear = policy("linear")
    assert factors(linear, 1, 100) == [1.0, 1.0]
    assert factors(linear, 101, 200) == pytest.approx([100 / 101, 1 / 101])


def test_step_is_a_tenth_every_fifty_epochs() -> None:
    step = policy("step")
    assert factors(step, 1, 50, 51, 100, 101) == pytest.approx([1, 1, 0.1, 0.1, 0.01])


def test_cosine_never_rises_and_spans_the_decay_epochs() -> None:
    rates = factors(policy("cosine"), *range(1, 201))
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == 1.0
    assert rates[100] == pytest.approx(0.5)
    assert 0 < rates[-1] < 1e-3


@pytest.mark.parametrize(("name", "otherwise"), [("warmup", "linear"), ("warmup_cosine", "cosine")])
def test_a_warm_up_rises_over_its_steps_to_the_policy_that_it_is_named_after(name: str, otherwise: str) -> None:
    schedule = Schedule(n_epochs=2, n_epochs_decay=2, lr_warmup=4)
    rising, plain = policy(name, schedule), policy(otherwise, schedule)
    assert rising.per_step
    assert not plain.per_step
    assert [rising.factor(Progress(1, step=step)) for step in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]
    for epoch in (2, 3, 4):
        assert rising.factor(Progress(epoch, step=2)) == 0.75 * plain.factor(Progress(epoch))
        assert rising.factor(Progress(epoch, step=100)) == plain.factor(Progress(epoch))


def test_plateau_falls_only_where_the_loss_does_not() -> None:
    falling, flat = policy("plateau"), policy("plateau")
    for epoch in range(1, 13):
        falling.epoch_ended(1 / epoch)
        flat.epoch_ended(1.0)
    assert factors(falling, 13) == [1.0]
    assert factors(flat, 13) == pytest.approx([0.2])


def test_plateau_agrees_with_torchs_scheduler() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, mode="min", factor=0.2, threshold=0.01, patience=5
    )
    plateau = policy("plateau")
    losses = [1.0, 0.9, 0.895, *[0.893] * 9, 0.5, *[0.499] * 14]
    for epoch, loss in enumerate(losses, 1):
        scheduler.step(loss)
        plateau.epoch_ended(loss)
        assert plateau.factor(Progress(epoch + 1)) == pytest.approx(optimizer.param_groups[0]["lr"])


def test_plateau_restores_its_state() -> None:
    first, second = Plateau(SCHEDULE), Plateau(SCHEDULE)
    for _ in range(7):
        first.epoch_ended(1.0)
    second.load_state_dict(first.state_dict())
    assert factors(second, 8) == factors(first, 8) == pytest.approx([0.2])


def test_the_watched_losses_of_a_long_epoch_are_summed_exactly() -> None:
    """In double precision: in fp32 a small loss beside a large sum would be lost."""
    rate = LearningRate(Plateau, SCHEDULE, ("L1",), torch.device("cpu"))
    for loss in (1.0, 1e-9, 1e-9):
        rate.observe({"L1": torch.tensor(loss)})
    assert rate.state_dict()["watched"]["sum"] == pytest.approx(1 + 2e-9, abs=1e-12)
