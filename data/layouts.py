"""Which folders of a data root hold A and B, and errors that tell what was found there instead."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pixlate.errors import DataError
from pixlate.util.text import counted, either, listed, quoted

from .download.catalogue import OTHER_FORMS
from .folders import folders_in, holds_images, own_images

USUAL_PHASES = ("val", "test", "train")  # suggested before others
#: Other names of folders with the inputs, A, and the targets, B; in lower case.
INPUTS = frozenset({"input", "inputs", "source", "sources", "image", "images", "img", "imgs", "photo", "photos"})
TARGETS = frozenset({"target", "targets", "output", "outputs", "label", "labels", "mask", "masks"})


@dataclass(frozen=True)
class Couple:
    """Two folders, one with the images of A and one with those of B; `inside`: both lie in the phase's folder."""

    A: Path
    B: Path
    inside: bool = False

    def __str__(self) -> str:
        return f"{quoted(self.A)} and {quoted(self.B)}"


def couples(root: Path, phase: str) -> Iterator[Couple]:
    """The pairs of folders of a phase: <phase>/A and B, A/<phase> and B/<phase>, <phase>A and <phase>B.

    A and B may also have one of the names in INPUTS and TARGETS, and a hyphen or an underscore after the phase.
    """
    names = folders_in(root)
    inside = {name: root / phase / name for name in folders_in(root / phase)} if (root / phase).is_dir() else {}
    across = {name: root / name / phase for name in names if (root / name / phase).is_dir()}
    joined = {name[len(phase) :].lstrip("_-"): root / name for name in names if name.startswith(phase)}
    for folders, is_inside in ((inside, True), (across, False), (joined, False)):
        couple = couple_of(folders, inside=is_inside)
        if couple is not None:
            yield couple


def couple_of(folders: Mapping[str, Path], *, inside: bool = False) -> Couple | None:
    """The folders of A and B among folders by name; None where no names tell them, or several do."""
    for A_names, B_names in (({"A"}, {"B"}), ({"a"}, {"b"}), (INPUTS, TARGETS)):
        A = [path for name, path in folders.items() if name in A_names or name.lower() in A_names]
        B = [path for name, path in folders.items() if name in B_names or name.lower() in B_names]
        if len(A) == len(B) == 1:
            return Couple(A[0], B[0], inside)
    return None


def sided_phases(root: Path) -> list[str]:
    """The phases that have two folders, <phase>A and <phase>B, with images in both."""
    names = {name for name in folders_in(root) if holds_images(root / name)}
    return sorted(name[:-1] for name in names if len(name) > 1 and name[-1] == "A" and name[:-1] + "B" in names)


def plain_phases(root: Path) -> list[str]:
    """The phases that have one folder, <phase>, with images."""
    sided = {phase + side for phase in sided_phases(root) for side in "AB"}
    return [name for name in folders_in(root) if name not in sided and holds_images(root / name)]


def missing_images(problem: str, expected: str, root: Path, phases: Sequence[str], hint: str = "") -> DataError:
    """The error for missing images: the problem, what was expected, what the data root contains, what to do.

    `phases` are those that could be used instead; `hint` replaces the suggestion to use one of them.
    """
    names = [name for name in folders_in(root) if holds_images(root / name)]
    own = sum(1 for _ in own_images(root))
    parts = [listed(names, 8)] if names else []
    parts += [f"{counted(own, 'image')} of its own"] if own else []
    contents = f"{quoted(root)} has {' and '.join(parts) or 'no images, and no folder with images'}"
    likely = [
        *(name for name in USUAL_PHASES if name in phases),
        *(name for name in phases if name not in USUAL_PHASES),
    ]
    advice = hint or (f"try --phase {either(likely[:3])}" if likely else "")
    return DataError(f"{problem}; {expected}. {contents}{': ' + advice if advice else ''}.")


def other_form(root: Path) -> str:
    """The second half of advice: how to get a public data set, recognised by its folder's name, in the other layout."""
    other = OTHER_FORMS.get(root.name)
    return f", or fetch the other form of it with 'pixlate download {other}'" if other else ""


def where_pairs_go(root: Path, phase: str) -> str:
    """Where the images of a data root should go if they are pairs; empty where there are none that could be."""
    couple = couple_of({name: root / name for name in folders_in(root)})
    if couple is not None and holds_images(couple.A) and holds_images(couple.B):
        moved = [quoted(root / phase / folder.name) for folder in (couple.A, couple.B)]
        return f"to train with {couple}, move them to {moved[0]} and {moved[1]}"
    if next(own_images(root), None) is None:
        return ""
    sides = f"{quoted(root / phase / 'A')} and {quoted(root / phase / 'B')}"
    return (
        f"files that show A in the left half and B in the right belong in {quoted(root / phase)}, and files of equal "
        f"names with A and B in {sides}; images that are not pairs are for --model cycle_gan; to translate these with "
        f"a trained model, use test with --model test --dataroot {quoted(root)}"
    )


def where_sides_go(root: Path, phase: str) -> str:
    """Where the images of a data root should go if they are two unpaired collections; empty where there are none."""
    A, B = quoted(root / f"{phase}A"), quoted(root / f"{phase}B")
    if next(own_images(root), None) is not None:
        return (
            f"images of the kind to translate from belong in {A}, and those of the kind to translate to in {B}; "
            f"to translate these with a trained model, use test with --model test --dataroot {quoted(root)}"
        )
    names = [name for name in folders_in(root) if holds_images(root / name)]
    if len(names) == 2 and not sided_phases(root):
        return f"if these are the two collections, rename {quoted(root / names[0])} to {A} and the other to {B}"
    return ""
