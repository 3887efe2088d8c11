"""What a data set was found to consist of: places, numbers of images, and what was left out, by reason."""

from dataclasses import dataclass
from pathlib import Path

from pixlate.util.text import counted, listed, quoted

MAX_NAMED = 2  # names in parentheses
MAX_PLACES = 6
MAX_PATH = 60  # characters of a folder's path


@dataclass(frozen=True)
class Reason:
    """Why files are left out: as a noun, singular and plural; `named`: a summary gives examples."""

    one: str
    many: str
    named: bool = False


HIDDEN_FILE = Reason("hidden file", "hidden files")
HIDDEN_FOLDER = Reason("hidden folder", "hidden folders")
SYSTEM = Reason("file or folder of the operating system", "files or folders of the operating system")
COPY = Reason("backup or temporary file", "backup or temporary files")
DEAD_LINK = Reason("link that leads nowhere", "links that lead nowhere")
REPEATED = Reason("link to a folder that is read already", "links to folders that are read already")
SPECIAL = Reason("pipe or device", "pipes or devices")
NO_IMAGE = Reason("file of no supported image format", "files of no supported image format", named=True)
UNREADABLE = Reason("file that cannot be opened", "files that cannot be opened", named=True)
RESULTS = Reason("folder of results or of a run", "folders of results or of runs", named=True)
SAME_STEM = Reason("second file of a name", "second files of a name", named=True)
BESIDE_PAIRS = Reason("image beside the folders of the pairs", "images beside the folders of the pairs", named=True)


@dataclass(frozen=True)
class LeftOut:
    """Files or folders that are left out for one reason: their number, and the names of the first few."""

    reason: Reason
    count: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        text = counted(self.count, self.reason.one, self.reason.many)
        if not self.reason.named:
            return text
        more = self.count - len(self.examples)
        return f"{text} ({', '.join(self.examples)}{f' and {more:,} more' if more > 0 else ''})"


class LeftOutList:
    """Collects what is left out."""

    def __init__(self) -> None:
        self._names: dict[Reason, list[str]] = {}

    def add(self, reason: Reason, path: str) -> None:
        """Note a file or folder."""
        self._names.setdefault(reason, []).append(path)

    def __add__(self, other: "LeftOutList") -> "LeftOutList":
        both = LeftOutList()
        for part in (self, other):
            for reason, names in part._names.items():
                both._names.setdefault(reason, []).extend(names)
        return both

    def counts(self) -> tuple[LeftOut, ...]:
        """The numbers by reason, with examples."""
        return tuple(
            LeftOut(reason, len(names), tuple(quoted(Path(name).name)[1:-1] for name in names[:MAX_NAMED]))
            for reason, names in self._names.items()
        )


@dataclass(frozen=True)
class Place:
    """A folder in which `images` images were found; `side` is "A" or "B" where it holds one side alone."""

    folder: Path
    images: int
    side: str = ""


@dataclass(frozen=True)
class Inventory:
    """What a data set consists of; empty for a data set that does not say.

    - count, noun: 12 and "pair"; used: the number of those that `--max_dataset_size` takes, or None for all.
    - part: of a data set that is a part of these, which part: "--val_fraction 0.1 holds out 2".
    - places: the folders, with the numbers of images found there.
    - layout: how A and B are arranged: "side by side", "by name".
    - unread: folders of images that a user might expect to be included, and that are not.
    - left_out: what was left out of the folders.
    """

    count: int = 0
    noun: str = ""
    places: tuple[Place, ...] = ()
    layout: str = ""
    used: int | None = None
    part: str = ""
    unread: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def __str__(self) -> str:
        """One line without a full stop: "4 pairs, side by side in 'facades/train'; left out: 2 hidden files"."""
        text = counted(self.count, self.noun)
        if self.used is not None:
            text += f", of which --max_dataset_size takes {self.used}"
        text += f", of which {self.part}" if self.part else ""
        text += f", {self.layout}" if self.layout else ""
        text += self._where()
        if self.unread:
            text += f"; not read: {listed(self.unread, MAX_PLACES)}"
        if self.left_out:
            text += f"; left out: {', '.join(map(str, self.left_out))}"
        return text

    def _where(self) -> str:
        if len(self.places) == 1:
            return f" in {shown(self.places[0].folder)}"
        if not self.places:
            return ""
        places = [
            f"{place.images} of {place.side} in {shown(place.folder)}"
            if place.side
            else f"{place.images} in {shown(place.folder)}"
            for place in self.places
        ]
        return f": {listed(places, MAX_PLACES)}"


def shown(folder: Path) -> str:
    """A folder's path in quotes, of a long one the end."""
    text = quoted(folder)
    if len(text) <= MAX_PATH:
        return text
    end = Path(*folder.parts[-2:])
    return f"'…/{quoted(end)[1:]}" if len(str(end)) <= MAX_PATH else f"'…{quoted(folder.name)[-MAX_PATH:]}"
