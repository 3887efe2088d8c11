"""The public data sets of `pixlate download`, on the server of their authors."""

from collections.abc import Mapping
from dataclasses import dataclass

from pixlate.errors import DataError, OptionError, did_you_mean


@dataclass(frozen=True)
class Remote:
    """A data set on a server.

    - archive: the path on the server.
    - layout: "aligned" or "unaligned", the `--dataset_mode` that reads it.
    - about: its content, and the number of training images according to its authors.
    """

    archive: str
    layout: str
    about: str


def remote(name: str) -> Remote:
    """The data set of that name.

    Raises OptionError for an unknown name, DataError for one whose licence forbids redistribution.
    """
    if name == "cityscapes":
        raise DataError(CITYSCAPES)
    if name not in DATASETS:
        raise OptionError(f"no data set is named '{name}'.{did_you_mean(name, DATASETS)}")
    return DATASETS[name]


def _paired(name: str, about: str) -> Remote:
    return Remote(f"pix2pix/datasets/{name}.tar.gz", "aligned", about)


def _unpaired(name: str, about: str) -> Remote:
    return Remote(f"cyclegan/datasets/{name}.zip", "unaligned", about)


DATASETS: Mapping[str, Remote] = {
    "facades": _paired("facades", "building fronts and label maps, 400 pairs; unpaired: facades_unpaired"),
    "maps": _paired("maps", "aerial photographs and maps, 1,096 pairs; unpaired: maps_unpaired"),
    "edges2shoes": _paired("edges2shoes", "shoes and their edges, 50,000 pairs"),
    "edges2handbags": _paired("edges2handbags", "handbags and their edges, 137,000 pairs"),
    "night2day": _paired("night2day", "landscapes by night and day, 20,000 pairs"),
    "horse2zebra": _unpaired("horse2zebra", "939 horses, 1,177 zebras"),
    "apple2orange": _unpaired("apple2orange", "996 apples, 1,020 oranges"),
    "summer2winter_yosemite": _unpaired("summer2winter_yosemite", "1,273 summer and 854 winter photographs"),
    "monet2photo": _unpaired("monet2photo", "1,074 paintings by Monet, 6,853 photographs"),
    "cezanne2photo": _unpaired("cezanne2photo", "584 paintings by Cezanne, 6,853 photographs"),
    "ukiyoe2photo": _unpaired("ukiyoe2photo", "1,433 Ukiyo-e prints, 6,853 photographs"),
    "vangogh2photo": _unpaired("vangogh2photo", "401 paintings by Van Gogh, 6,853 photographs"),
    "iphone2dslr_flower": _unpaired("iphone2dslr_flower", "1,813 telephone and 3,316 camera images of flowers"),
    "ae_photos": _unpaired("ae_photos", "photographs of the artistic style transfer examples"),
    "facades_unpaired": _unpaired("facades", "facades as two folders, for CycleGAN; pairs: facades"),
    "maps_unpaired": _unpaired("maps", "maps as two folders, for CycleGAN; pairs: maps"),
    "mini": _unpaired("mini", "a few unpaired images, to try things with; pairs: mini_pix2pix"),
    "mini_pix2pix": Remote(
        "cyclegan/datasets/mini_pix2pix.zip", "aligned", "a few pairs, to try things with; unpaired: mini"
    ),
}
CITYSCAPES = (
    "the licence of Cityscapes forbids redistribution: download gtFine_trainvaltest.zip and "
    "leftImg8bit_trainvaltest.zip from https://www.cityscapes-dataset.com, unpack them, and run: pixlate "
    "prepare-cityscapes --gtFine_dir gtFine --leftImg8bit_dir leftImg8bit."
)
#: The name of the same images in the other layout.
OTHER_FORMS: Mapping[str, str] = {
    name: other
    for pair in (("facades", "facades_unpaired"), ("maps", "maps_unpaired"), ("mini_pix2pix", "mini"))
    for name, other in (pair, pair[::-1])
}
