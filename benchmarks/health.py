"""The statistics of the health monitor in runs, beside its limits: how far good runs are from a warning.

python -m benchmarks.health checkpoints/facades_pix2pix checkpoints/horse2zebra_cycle_gan
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from pixlate.runs.health.rules import RULES, Rule


def checks(run: Path) -> list[dict[str, float]]:
    """The statistics of each check of a run, in order."""
    lines = (run / "health.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["statistics"] for line in lines]


def closest(values: Sequence[float], rule: Rule) -> float:
    """The value that is nearest to a warning among those that last for as many checks as the rule asks for."""
    worst, lasting = (max, min) if rule.is_bad == "above" else (min, max)
    windows = [values[i : i + rule.checks] for i in range(max(1, len(values) - rule.checks + 1))]
    return worst(lasting(window) for window in windows)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs")
    runs: list[Path] = parser.parse_args().runs
    print(f"| warning | statistic | limit | checks | {' | '.join(run.name for run in runs)} |")
    print(f"| --- | --- | --- | ---: |{' ---: |' * len(runs)}")
    for rule in RULES:
        cells = []
        for run in runs:
            values = [each[rule.statistic] for each in checks(run) if rule.statistic in each]
            cells.append(f"{closest(values, rule):.3g}" if values else "–")
        sign = ">" if rule.is_bad == "above" else "<"
        print(f"| {rule.kind} | `{rule.statistic}` | {sign} {rule.limit:g} | {rule.checks} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
