"""Which warnings about a training's health a viewer tells people of, some of whom it sends messages to."""

from collections.abc import Sequence

from pixlate.plugins.run import HealthWarning


class Alerts:
    """Picks the warnings of a kind that the check before did not have: a lasting problem is told once."""

    def __init__(self) -> None:
        self._kinds: frozenset[str] = frozenset()

    def new(self, warnings: Sequence[HealthWarning]) -> list[HealthWarning]:
        """Those of a new kind, of the warnings of a check."""
        before, self._kinds = self._kinds, frozenset(warning.kind for warning in warnings)
        return [warning for warning in warnings if warning.kind not in before]
