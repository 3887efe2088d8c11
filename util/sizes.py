"""The image sizes that networks accept."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import lcm


@dataclass(frozen=True)
class SideRule:
    """The sides, in pixels, that a network accepts: multiples of `multiple`, and at least `minimum`."""

    multiple: int = 1
    minimum: int = 1

    @classmethod
    def of(cls, networks: Iterable[object], *, same_size: bool = True) -> "SideRule":
        """The rule for several networks at once, from their attributes `size_multiple` and `minimum_size`.

        - same_size: the output must be as large as the input. Otherwise networks with the attribute `rounds_size_up`
          take every size: their output has the next larger multiple.
        """
        modules = list(networks)
        exact = [module for module in modules if same_size or not getattr(module, "rounds_size_up", False)]
        multiple = lcm(*(int(getattr(module, "size_multiple", 1)) for module in exact))
        return cls(multiple, max((int(getattr(module, "minimum_size", 1)) for module in modules), default=1))

    def fits(self, *sides: int) -> bool:
        """Whether all sides are allowed."""
        return all(side % self.multiple == 0 and side >= self.minimum for side in sides)

    def at_least(self, side: int) -> int:
        """The smallest allowed side that is not below `side`."""
        return -(-max(side, self.minimum) // self.multiple) * self.multiple

    def nearest(self, side: int) -> int:
        """The allowed side nearest to `side`; the larger one of two that are equally near."""
        return max(self.at_least(1), (side + self.multiple // 2) // self.multiple * self.multiple)

    def __str__(self) -> str:
        conditions = []
        if self.multiple > 1:
            conditions.append(f"multiples of {self.multiple}")
        if self.minimum > 1:
            conditions.append(f"{self.minimum} or more")
        return " and ".join(conditions)
