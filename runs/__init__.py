"""A run: its folder and lock, its state on the disk, its logs, its events."""
