"""Positions in a run."""

import itertools

from pixlate.plugins.run import Progress


def test_a_step_counts_its_images_and_an_epoch_starts_at_zero() -> None:
    first = Progress().after(4)
    assert first == Progress(epoch=1, epoch_images=4, images=4, step=1)
    assert first.after(3, stepped=False) == Progress(epoch=1, epoch_images=7, images=7, step=1)
    assert first.after(3).next_epoch() == Progress(epoch=2, epoch_images=0, images=7, step=2)


def test_a_frequency_is_crossed_once_even_if_batches_are_larger() -> None:
    positions = [Progress(images=images) for images in (0, 3, 6, 9, 20, 21)]
    crossed = [after.crossed(5, before) for before, after in itertools.pairwise(positions)]
    assert crossed == [False, True, False, True, False]
