"""Which statistics of a training are a warning. The limits are measured, see docs/training.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pixlate.plugins.run import HealthWarning

Statistics = Mapping[str, float]


@dataclass(frozen=True)
class Rule:
    """A warning, given where a statistic is beyond its limit in several checks in a row.

    - is_bad: whether values "above" or "below" the limit are.
    - text, advice: of the warning; {value} is the statistic of the last check.
    """

    kind: str
    statistic: str
    is_bad: Literal["above", "below"]
    limit: float
    checks: int
    text: str
    advice: str

    def warning(self, history: Sequence[Statistics]) -> HealthWarning | None:
        """The warning, if the last checks call for it; the newest is the last."""
        values = [each.get(self.statistic) for each in history[-self.checks :]]
        if len(values) < self.checks or not all(value is not None and self._is_beyond(value) for value in values):
            return None
        return HealthWarning(self.kind, self.text.format(value=values[-1]), self.advice)

    def _is_beyond(self, value: float) -> bool:
        return value > self.limit if self.is_bad == "above" else value < self.limit


RULES = (
    Rule(
        "nan",
        "nonfinite",
        "above",
        0.0,
        1,
        "{value:.0%} of the outputs' values are not finite: the model is broken.",
        "Go back to a checkpoint before (--epoch), with a smaller --lr, --clip_grad 1 or --precision fp32.",
    ),
    Rule(
        "discriminator",
        "d_loss",
        "below",
        0.05,
        3,
        "The discriminator tells all images apart: its loss is {value:.1%} of that of guessing.",
        "Use a smaller --lr_D or --ndf, more training images, or --augment.",
    ),
    Rule(
        "collapse",
        "variety",
        "below",
        0.1,
        2,
        "The outputs hardly depend on the inputs: they differ among each other by {value:.0%} of what the inputs do.",
        "Use a smaller --lr, a larger --lambda_L1 or --lambda_A and --lambda_B, or go back to an earlier checkpoint.",
    ),
    Rule(
        "identity",
        "translated",
        "below",
        0.35,
        3,
        "The outputs are nearly their inputs: they change {value:.0%} of what has to be changed.",
        "Train longer, or use a smaller --lambda_identity, --lambda_A and --lambda_B.",
    ),
    Rule(
        "inversion",
        "brightness",
        "below",
        -0.3,
        2,
        "Bright and dark are inverted: the correlation of the brightness is {value:.2f}.",
        "Unless the domains are inverted, start again with --lambda_identity 0.5 or --lambda_structure 1.",
    ),
    Rule(
        "colours",
        "colour_gap",
        "above",
        0.2,
        3,
        "The colours of the outputs are far from those of the target: by {value:.2f} of the range.",
        "Use --lambda_identity 0.5, or a smaller --lr; in pix2pix a larger --lambda_L1.",
    ),
    Rule(
        "checkerboard",
        "checkerboard",
        "above",
        6.0,
        3,
        "The outputs have a regular pattern of 2 or 4 pixels, {value:.0f} times as strong as in real images.",
        "Train longer, use a smaller --lr, or a --netG without transposed convolutions.",
    ),
    Rule(
        "gradients",
        "gradient",
        "below",
        1e-7,
        2,
        "The gradients have vanished: their root mean square is {value:.1e}, and Adam adds 1e-8 to it.",
        "Use another --gan_mode or --norm, --init_gain 0.02, or a shallower --netG.",
    ),
    Rule(
        "hidden_signal",
        "hidden_signal",
        "above",
        2.0,
        3,
        "The outputs hide their inputs in a pattern that cannot be seen: with a little noise their reconstruction is "
        "{value:.1f} times as wrong.",
        "Use a smaller --lambda_A and --lambda_B, --augment B.noise=0.02, or fewer epochs.",
    ),
)


def warnings_of(history: Sequence[Statistics]) -> list[HealthWarning]:
    """The warnings after the last check.

    - history: the statistics of each check, the newest last.
    """
    found = [warning for rule in RULES if (warning := rule.warning(history)) is not None]
    broken = [warning for warning in found if warning.kind == "nan"]
    return broken or found  # of images that are no numbers nothing else can be said


#: The checks that the rules look back.
MEMORY = max(rule.checks for rule in RULES)
