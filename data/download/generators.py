"""The generators that the reference's authors trained: their names on the server, and how they are downloaded."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pixlate.errors import DataError, OptionError, PixlateError, did_you_mean
from pixlate.util.files import cannot_write, make_folder
from pixlate.util.locks import only_maker
from pixlate.util.text import quoted

from .partial import PartialFile, Report
from .servers import fetch, servers

FILE = "latest_net_G.pth"


@dataclass(frozen=True)
class Generator:
    """A trained generator on a server.

    - family: "cyclegan" or "pix2pix"; name: as the authors call it.
    - about: what it translates; direction: of the data set that it was trained on.
    """

    family: str
    name: str
    about: str
    direction: str = "AtoB"

    @property
    def path(self) -> str:
        """On the server."""
        folder = "cyclegan/pretrained_models" if self.family == "cyclegan" else "pix2pix/models-pytorch"
        return f"{folder}/{self.name}.pth"

    @property
    def run(self) -> str:
        """The name of the run's folder: that of the reference, unless a CycleGAN generator has it."""
        same = f"cyclegan/{self.name}" in GENERATORS and self.family == "pix2pix"
        return f"{self.name}{'_pix2pix' if same else ''}_pretrained"

    @property
    def options(self) -> str:
        """The options of a test with it."""
        if self.family == "cyclegan":
            return "--model test --no_dropout"
        return f"--model pix2pix{' --direction BtoA' if self.direction == 'BtoA' else ''}"


def _cyclegan(name: str, about: str) -> Generator:
    return Generator("cyclegan", name, about)


_ALL = (
    _cyclegan("apple2orange", "apples to oranges"),
    _cyclegan("orange2apple", "oranges to apples"),
    _cyclegan("summer2winter_yosemite", "summer to winter"),
    _cyclegan("winter2summer_yosemite", "winter to summer"),
    _cyclegan("horse2zebra", "horses to zebras"),
    _cyclegan("zebra2horse", "zebras to horses"),
    _cyclegan("monet2photo", "paintings by Monet to photographs"),
    _cyclegan("style_monet", "photographs to paintings by Monet"),
    _cyclegan("style_cezanne", "photographs to paintings by Cezanne"),
    _cyclegan("style_ukiyoe", "photographs to Ukiyo-e prints"),
    _cyclegan("style_vangogh", "photographs to paintings by Van Gogh"),
    _cyclegan("sat2map", "aerial photographs to maps"),
    _cyclegan("map2sat", "maps to aerial photographs"),
    _cyclegan("cityscapes_photo2label", "street photographs to labels"),
    _cyclegan("cityscapes_label2photo", "labels to street photographs"),
    _cyclegan("facades_photo2label", "building fronts to labels"),
    _cyclegan("facades_label2photo", "labels to building fronts"),
    _cyclegan("iphone2dslr_flower", "telephone to camera images of flowers"),
    Generator("pix2pix", "edges2shoes", "edges to shoes"),
    Generator("pix2pix", "sat2map", "aerial photographs to maps"),
    Generator("pix2pix", "map2sat", "maps to aerial photographs", "BtoA"),
    Generator("pix2pix", "facades_label2photo", "labels to building fronts", "BtoA"),
    Generator("pix2pix", "day2night", "landscapes by day to those by night", "BtoA"),
)
GENERATORS: Mapping[str, Generator] = {f"{each.family}/{each.name}": each for each in _ALL}


def generator(name: str) -> Generator:
    """The generator of a name, "cyclegan/horse2zebra", or of its second part where one generator alone has it.

    Raises OptionError for any other name.
    """
    found = [each for key, each in GENERATORS.items() if name in (key, each.name)]
    if len(found) == 1:
        return found[0]
    if found:
        names = " and ".join(f"{each.family}/{each.name}" for each in found)
        raise OptionError(f"there are two generators '{name}': {names}.")
    raise OptionError(f"no trained generator is named '{name}'.{did_you_mean(name, GENERATORS)}")


def download_generator(
    name: str,
    root: Path,
    check: Callable[[Path], object],
    *,
    base_url: str = "",
    sha256: str = "",
    report: Report = lambda done, total: None,
) -> Path:
    """Download a trained generator to <root>/<run>/latest_net_G.pth and return that path; an existing one stays.

    Interrupted downloads are resumed, and a second one at the same time waits.

    - check: called with the path of the file before it gets its name; raises PixlateError for what is no generator.
    - base_url, sha256: see `servers.servers` and `servers.fetch`.

    Raises OptionError for an unknown name, DataError where no server has the file, and what `check` raises.
    """
    source = generator(name)
    folder = root / source.run
    target, partial = folder / FILE, PartialFile(root / f".{source.run}.part")
    if target.is_file():
        return target
    addresses = servers(base_url)
    make_folder(root)
    with only_maker(folder):
        if target.is_file():  # another process has completed it meanwhile
            return target
        if os.path.lexists(folder) and not folder.is_dir():
            raise DataError(f"{quoted(folder)} exists, but is no folder: remove it, or choose another one with --to.")
        fetch(partial, source.path, addresses, sha256, report)
        try:
            check(partial.path)
            make_folder(folder)
            partial.path.rename(target)
        except OSError as error:
            raise cannot_write(target, error) from error
        except PixlateError as error:
            raise DataError(f"what the server sent as {source.path} is no generator: {error}") from error
        finally:
            partial.remove()
    return target
