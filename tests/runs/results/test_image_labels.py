"""What labels mean, and which two images are compared first."""

import pytest

from pixlate.runs.results.image_labels import first_pair, meaning_of


@pytest.mark.parametrize(
    ("label", "meaning"),
    [
        ("real_A", "input"),
        ("fake_B", "output: real_A translated to B"),
        ("real_B", "ground truth"),
        ("rec_A", "real_A translated there and back"),
        ("rec_B", "real_B translated there and back"),
        ("fake_A", "real_B translated to A"),
        ("idt_B", "an image translated to the domain that it is of, which should not change it"),
        ("real_B_rgb", "ground truth (rgb)"),  # colorization
        ("fake_B_encoded", "output: real_A translated to B (encoded)"),  # BicycleGAN
        ("fake_winter", "output: the input translated to winter"),  # StarGAN
        ("fake_Ukiyo_e", "output: the input translated to Ukiyo_e"),
        ("real", "input"),  # --model test
        ("fake", "output: the translated input"),
        ("change", "where the output differs from its input: black not at all, white most"),
        ("mask", "field 'mask' of the data"),
        ("attention", ""),
        ("", ""),
    ],
)
def test_the_meaning_of_a_label(label: str, meaning: str) -> None:
    assert meaning_of(label, fields={"mask"}) == meaning


def test_b_of_unpaired_data_is_no_ground_truth() -> None:
    assert meaning_of("real_B", paired=False) == "real image of B"


@pytest.mark.parametrize(
    ("labels", "paired", "pair"),
    [
        ("real_A fake_B real_B", True, ("real_B", "fake_B")),
        ("real_A fake_B rec_A real_B fake_A rec_B", False, ("real_A", "fake_B")),
        ("real fake", False, ("real", "fake")),
        ("real fake", True, ("real", "fake")),
        ("real_A fake_B", True, ("real_A", "fake_B")),
        ("real_A real_B_rgb fake_B_rgb", True, ("real_B_rgb", "fake_B_rgb")),
        ("real_A fake_summer fake_winter", False, ("real_A", "fake_summer")),
        ("fake_B", True, ("fake_B", "fake_B")),
        ("one two three", True, ("one", "two")),
        ("", True, ("", "")),
    ],
)
def test_the_two_images_that_are_compared_first(labels: str, paired: bool, pair: tuple[str, str]) -> None:
    assert first_pair(labels.split(), paired=paired) == pair
