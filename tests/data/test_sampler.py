"""The order of images is a function of seed and epoch, from any position on."""

from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixlate.data.sampler import BatchSampler

sizes = st.integers(1, 40)


@settings(deadline=None)
@given(sizes, st.integers(1, 9), st.booleans(), st.integers(0, 5))
def test_every_epoch_visits_everything_once_and_keeps_the_short_batch(
    size: int, batch_size: int, shuffle: bool, seed: int
) -> None:
    batches = list(BatchSampler(size, batch_size, seed=seed, shuffle=shuffle, epochs=3))
    for epoch in (1, 2, 3):
        lengths = [len(batch) for batch in batches if batch[0][0] == epoch]
        assert lengths == [batch_size] * (size // batch_size) + [size % batch_size] * (size % batch_size > 0)
        keys = [key for batch in batches if batch[0][0] == epoch for key in batch]
        assert sorted(keys) == [(epoch, index) for index in range(size)]


@settings(deadline=None)
@given(sizes, st.integers(1, 9), st.data())
def test_beginning_in_the_middle_gives_the_tail(size: int, batch_size: int, data: st.DataObject) -> None:
    whole = list(BatchSampler(size, batch_size, seed=7, epochs=3))
    cut = data.draw(st.integers(0, len(whole) - 1))
    first_key = whole[cut][0]
    seen = sum(len(batch) for batch in whole[:cut] if batch[0][0] == first_key[0])
    assert list(BatchSampler(size, batch_size, seed=7, start=(first_key[0], seen), epochs=3)) == whole[cut:]


def test_orders_differ_between_epochs_and_seeds_and_repeat() -> None:
    sampler = BatchSampler(100, 1, seed=1)
    assert list(sampler.order(1)) != list(sampler.order(2)) != list(range(100))
    assert list(sampler.order(1)) == list(BatchSampler(100, 5, seed=1).order(1))
    assert list(sampler.order(1)) != list(BatchSampler(100, 1, seed=2).order(1))


def test_the_order_of_a_seed_never_changes() -> None:
    assert list(BatchSampler(8, 1, seed=0).order(1)) == [6, 1, 0, 2, 3, 4, 5, 7]


def test_in_order_without_shuffling() -> None:
    assert list(BatchSampler(3, 2, shuffle=False, epochs=1)) == [[(1, 0), (1, 1)], [(1, 2)]]


def test_without_a_last_epoch_it_never_ends() -> None:
    assert [batch[0][0] for batch in islice(BatchSampler(2, 2), 50)] == list(range(1, 51))


@pytest.mark.parametrize(("size", "batch_size"), [(0, 1), (1, 0)])
def test_an_empty_data_set_or_batch_is_rejected(size: int, batch_size: int) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        BatchSampler(size, batch_size)
