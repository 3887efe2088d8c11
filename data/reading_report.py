"""What the start of a run says about how its files are read: orientation, colour profiles, and value ranges."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pixlate.util.text import counted, listed, quoted

from .image_dataset import ImageDataset, Source
from .metadata import profile_name
from .reading import Header

log = logging.getLogger(__name__)

MAX_NAMED = 3  # colour profiles


@dataclass
class ReadingReport:
    """Collects what the headers of a data set's files tell."""

    files: int = 0
    turned: int = 0
    profiles: Counter[bytes] = field(default_factory=Counter)
    deep: list[Source] = field(default_factory=list)
    cut: int = 0

    def add(self, group: Sequence[Source], headers: Sequence[Header]) -> None:
        """Note the files of a group."""
        for source, header in zip(group, headers, strict=True):
            self.files += 1
            self.turned += header.turned
            self.cut += header.cut
            if header.profile:
                self.profiles[header.profile] += 1
            if header.deep:
                self.deep.append(source)

    def report(self, dataset: ImageDataset[Any]) -> None:
        """Measure the range of values of more than 8 bits, and log what is done with the files."""
        dataset.measure_values(self.deep)
        done = []
        if self.turned:
            done.append(f"{counted(self.turned, 'is', 'are')} turned upright (EXIF orientation)")
        if self.profiles:
            names = listed((quoted(profile_name(profile)) for profile, _ in self.profiles.most_common()), MAX_NAMED)
            number = sum(self.profiles.values())
            done.append(f"{counted(number, 'is', 'are')} converted to sRGB from the colour profile {names}")
        if done:
            log.info(
                f"Of {counted(self.files, 'file')}, {' and '.join(done)}; --ignore_metadata reads them as they are "
                "stored."
            )
        if self.cut:
            log.warning(
                f"{counted(self.cut, 'file has', 'files have')} colours of 16 bits, of which the upper 8 are read: "
                "with imagecodecs (pip install 'pixlate[formats]') they are read whole."
            )
        if self.deep:
            ranges = [f"{side} from {value_range}" for side, value_range in sorted(dataset.value_ranges.items())]
            log.info(
                f"{counted(len(self.deep), 'file has', 'files have')} more than 8 bits; these values become black to "
                f"white: {', '.join(ranges)}."
            )
