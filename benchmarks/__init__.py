"""Measures pixlate, beside the reference program where a checkout of it is given: `python -m benchmarks --help`."""
