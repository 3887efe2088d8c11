"""`pixlate serve` under load: no answer is wrong, no request is lost, and its memory stays as it is."""

import sys
from pathlib import Path

import pytest
from paths import ROOT
from served import make_run

sys.path.append(str(ROOT))  # benchmarks is no part of the package

from benchmarks import serving


def run_of(folder: Path, ngf: int) -> Path:
    return make_run(folder / "load", "pix2pix", netG="unet_128", norm="batch", dropout=True, ngf=ngf)


@pytest.mark.load
@pytest.mark.timeout(600)
def test_a_hundred_clients_are_answered(tmp_path: Path) -> None:
    tallies, memory, peak = serving.measure(run_of(tmp_path, 8), clients=100, requests=3, waves=3)
    assert {kind: (tally.wrong, tally.lost) for kind, tally in tallies.items()} == dict.fromkeys(tallies, (0, 0))
    assert tallies["good"].answers["200"] == 50 * 3 * 3
    assert set(tallies["good"].answers) <= {"200", "503"}
    assert set(tallies["bomb"].answers) <= {"413", "503"}
    assert set(tallies["slow"].answers) <= {"408", "503", "closed"}
    assert max(memory[2:]) < memory[1] + 50
    assert peak < memory[0] + 250


def test_a_few_clients_are_answered(tmp_path: Path) -> None:
    tallies, *_ = serving.measure(run_of(tmp_path, 2), clients=10, requests=1, waves=1)
    assert {kind: (tally.wrong, tally.lost) for kind, tally in tallies.items()} == dict.fromkeys(tallies, (0, 0))
    assert tallies["good"].answers["200"] == 5
