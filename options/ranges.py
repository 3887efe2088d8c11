"""The ranges of numbers that options accept."""

import click

from .fields import FiniteFloat

COUNT = click.IntRange(min=1)
WHOLE = click.IntRange(min=0)
CHANNELS = click.IntRange(1, 2**16)
ITERATION = click.IntRange(0, 2**53)
WEIGHT = FiniteFloat(min=0)
MINUTES = FiniteFloat(0, 1e7)
RATIO = FiniteFloat(min=0, min_open=True)
SHARE = FiniteFloat(0, 1, max_open=True)
