"""Measures pixlate, and compares it with a checkout of the reference program: `python -m benchmarks --help`."""
