"""What the labels of images mean: real_A, fake_B, rec_A, idt_B and those that plugins form like them."""

import re
from collections.abc import Collection

from pixlate.data.field_values import CHANGE

#: A kind, the domain that it is of, and what a plugin adds: "fake_B_encoded", "fake_winter", "fake".
LABEL = re.compile(r"(?P<kind>real|fake|rec|idt)(?:_(?P<domain>[A-Z]))?(?:_(?P<rest>.+))?")


def meaning_of(label: str, *, paired: bool = True, fields: Collection[str] = ()) -> str:
    """What an image of a test shows, in a few words; empty where that is not known.

    - paired: B of a sample shows the same as its A.
    - fields: the names of the fields of the data.
    """
    if label == CHANGE:
        return "where the output differs from its input: black not at all, white most"
    match = LABEL.fullmatch(label)
    if not match:
        return f"field '{label}' of the data" if label in fields else ""
    kind, domain, rest = match["kind"], match["domain"] or "", match["rest"] or ""
    if kind == "fake" and rest and not domain:  # of several domains: fake_winter
        return f"output: the input translated to {rest}"
    text = {"real": _real(domain, paired), "fake": _fake(domain), "rec": _rec(domain), "idt": _idt(domain)}[kind]
    return f"{text} ({rest.replace('_', ' ')})" if rest else text


def first_pair(labels: Collection[str], *, paired: bool = True) -> tuple[str, str]:
    """The two labels that are compared first: the ground truth, or the input, and the output."""

    def first(kind: str, *domains: str) -> str:
        return next((label for domain in domains for label in labels if label.startswith(f"{kind}{domain}")), "")

    output = first("fake", "_B", "")
    other = first("real", "_B", "_A", "") if paired else first("real", "_A", "")
    other = other or next((label for label in labels if label != output), output)
    return other, output or next((label for label in labels if label != other), other)


def _real(domain: str, paired: bool) -> str:
    if domain == "B":
        return "ground truth" if paired else "real image of B"
    return "input" if domain in ("", "A") else f"real image of {domain}"


def _fake(domain: str) -> str:
    if domain == "A":
        return "real_B translated to A"
    return f"output: real_A translated to {domain}" if domain else "output: the translated input"


def _rec(domain: str) -> str:
    return f"real_{domain} translated there and back" if domain else "the output translated back"


def _idt(domain: str) -> str:
    return "an image translated to the domain that it is of, which should not change it"
