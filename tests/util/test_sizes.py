"""Which sides networks take, for one network and for several together."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from pixlate.util.sizes import SideRule


def network(multiple: int, minimum: int) -> SimpleNamespace:
    return SimpleNamespace(size_multiple=multiple, minimum_size=minimum)


def test_several_networks_need_what_each_needs() -> None:
    assert SideRule.of([network(4, 8), network(6, 24), object()]) == SideRule(12, 24)
    assert SideRule.of([]) == SideRule(1, 1)


def test_networks_that_round_up_take_every_size_unless_it_must_stay() -> None:
    rounding = SimpleNamespace(size_multiple=4, minimum_size=8, rounds_size_up=True)
    assert SideRule.of([rounding, network(6, 6)], same_size=False) == SideRule(6, 8)
    assert SideRule.of([rounding, network(6, 6)]) == SideRule(12, 8)


def test_a_rule_is_said_in_words() -> None:
    assert str(SideRule(256, 256)) == "multiples of 256 and 256 or more"
    assert str(SideRule(1, 24)) == "24 or more"
    assert str(SideRule(4, 1)) == "multiples of 4"


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 1000))
def test_suggested_sides_fit(multiple: int, minimum: int, side: int) -> None:
    rule = SideRule(multiple, minimum)
    assert rule.fits(rule.at_least(side), rule.nearest(side))
    assert side <= rule.at_least(side)
    assert not any(rule.fits(between) for between in range(side, rule.at_least(side)))
    if rule.fits(side):
        assert rule.nearest(side) == rule.at_least(side) == side
