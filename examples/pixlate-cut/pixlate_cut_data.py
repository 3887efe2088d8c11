"""Unpaired images that are no longer cropped once the learning rate decays."""

from collections.abc import Iterable
from dataclasses import replace

from pixlate.data import DataOptions, Item, UnalignedDataset

from pixlate_cut import FinetuneConfig


class FinetuneDataset(UnalignedDataset):
    """As "unaligned"; after `finetune_after` epochs images are resized to `--crop_size` and not cropped."""

    def __init__(self, config: FinetuneConfig, shared: DataOptions) -> None:
        super().__init__(None, shared)
        self.finetune_after = config.finetune_after
        self.whole = UnalignedDataset(None, replace(shared, load_size=shared.crop_size))

    def take_groups(self, indices: Iterable[int]) -> None:
        """Keep these images, cropped or not."""
        kept = list(indices)
        super().take_groups(kept)
        self.whole.take_groups(kept)

    def __getitem__(self, key: int | tuple[int, int]) -> Item:
        epoch = key[0] if isinstance(key, tuple) else 1
        return self.whole[key] if epoch > self.finetune_after else super().__getitem__(key)
