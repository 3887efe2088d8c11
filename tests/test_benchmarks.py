"""The benchmark's arithmetic, and that it runs."""

import subprocess
import sys

import pytest
from paths import ROOT

sys.path.append(str(ROOT))  # benchmarks is no part of the package

from benchmarks import parts
from benchmarks.measure import Round, Times, compared, in_turn, shown_time, table
from benchmarks.worker import SideEnded


def times(*walls: float, cpu: float = 1.0) -> Times:
    return Times(tuple(Round(wall, cpu * wall, peak=2.0) for wall in walls))


def test_ratios_are_taken_round_by_round() -> None:
    """The machine is three times as slow in the second round and five times in the third: the ratio stays."""
    assert times(1.0, 3.0, 5.0).ratio(times(2.0, 6.0, 10.0)) == 2.0
    assert times(1.0, 3.0, 5.0, cpu=2.0).ratio(times(2.0, 6.0, 10.0), of="cpu") == 1.0


def test_spread_is_half_the_middle_half() -> None:
    assert times(1.0, 2.0, 3.0, 4.0, 5.0).spread == pytest.approx(1 / 3)
    assert times(9.0, 10.0, 11.0).spread == pytest.approx(0.1)


def test_sides_take_turns_and_warm_up_first() -> None:
    calls: list[str] = []

    def side(name: str) -> Round:
        calls.append(name)
        return Round(float(len(calls)))

    found = in_turn({name: lambda name=name: side(name) for name in "ab"}, rounds=2, warmup=1)
    assert calls == list("ab" * 3)
    assert [each.wall for each in found["a"].rounds] == [3.0, 5.0]


def test_a_table_compares_with_the_reference() -> None:
    rows = compared("step", {"reference": times(2.0, 2.0), "pixlate": times(1.0, 1.0)})
    assert rows == [
        ["step", "reference", "2000 ms", "±0%", "", "", "2.00 GB"],
        ["step", "pixlate", "1000 ms", "±0%", "2.00×", "2.00×", "2.00 GB (1.00×)"],
    ]
    assert compared("once", {"pixlate": times(20.0)})[0][2:4] == ["20.0 s", ""]
    assert table(["a", "b", "c"], [["1", "2", "3"]]).splitlines()[1] == "| --- | --- | ---: |"
    assert shown_time(0.0123) == "12 ms"


def test_sides_are_measured_one_by_one_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(settings: object, work: str, spec: object, ours: dict[str, object]) -> dict[str, Times]:
        if len(ours) > 1:
            raise SideEnded("default ended with -9")
        return {name: times(1.0) for name in ours}

    monkeypatch.setattr(parts, "_measured", measured)
    monkeypatch.setattr(parts, "peak", lambda dtype: 100.0)
    monkeypatch.setattr(parts, "step_flops", lambda model, batch: 50.0)
    settings = parts.Settings(None, ROOT, 1, True, 0, [("pix2pix", 1)], ["fp32", "default"])
    said = "\n".join(parts.training(settings))
    assert "| pix2pix, batch 1 | fp32 |" in said
    assert "| pix2pix, batch 1 | default |" in said
    assert "50 GFLOP; at the peak rate 0.50 s in fp32 and 0.50 s in bf16." in said
    assert "arithmetic: fp32 50%, default 50%." in said


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_command_measures() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--only", "loading", "--only", "training"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "| later epochs, 2 processes | pixlate |" in done.stdout
    assert "| pix2pix, batch 1 | default |" in done.stdout
