"""Runs: training and testing, with the run's folder and lock, checkpoints, logs and events."""
