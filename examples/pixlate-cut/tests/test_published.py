"""Training steps give the published program's losses and images, in float64."""

from typing import Any

import numpy as np
import pixlate
import pytest
import torch
from figures import Case, batch, cases, fill, image


def prepared(case: Case) -> Any:
    """The case's model, its weights filled, its draws those of the case."""
    model: Any = pixlate.create_model(case.model, **case.options)
    first = {name: part.float() if isinstance(part, torch.Tensor) else part for name, part in batch(0, 1).items()}
    model.prepare_once(first)
    for name, net in model.networks.items():
        fill(name, net)
    locations = iter(torch.from_numpy(case.places).flatten(0, 1))
    flips = iter(case.mirrored)
    model.draw_locations = lambda count: next(locations)
    model.draw_flip = lambda: bool(next(flips))
    return model


@pytest.mark.parametrize("case", list(cases()), ids=str)
def test_six_steps_and_a_translation_after_them(case: Case) -> None:
    model = prepared(case)
    for step, expected in enumerate(case.losses):
        result = model.training_step(batch(step, case.batch))
        assert list(result.losses) == case.names
        np.testing.assert_allclose([float(loss) for loss in result.losses.values()], expected, atol=1e-9, rtol=0)
    with torch.no_grad():
        translated = model.networks["G"](image(-1, 2))
    np.testing.assert_allclose(translated[:, :, ::3, ::3].numpy(), case.translated, atol=1e-8, rtol=0)


def test_the_record_holds_both_models_and_all_their_terms() -> None:
    recorded = list(cases())
    assert {case.model for case in recorded} == {"cut", "fastcut"}
    assert {case.batch for case in recorded} == {1, 2}
    assert any(case.mirrored.any() and not case.mirrored.all() for case in recorded)
    assert all(len(case.losses) == 6 for case in recorded)
