"""What is drawn depends on seed, epoch, hash and view alone, and both augmentations do it."""

from __future__ import annotations

import collections
import io

import fast
import numpy as np
import official
import pytest
import torch
from batches import Augment, Order
from draws import Draw, draw
from PIL import Image
from recipes import read_recipe

RECIPES = ("moco-v2-r50", "swav-r50", "dino-vits16")
KEY = {"seed": 3, "epoch": 5, "hash": "17adb3efa1542a240867fa5f8c185db", "index": 1}
MEAN, STD = [0.5, 0.5, 0.5], [0.25, 0.25, 0.25]


def view(recipe: str = "dino-vits16", index: int = 1):
    return read_recipe(recipe, 10_000).each_view()[index]


def photo(mode: str = "RGB", width: int = 160, height: int = 120, **options) -> bytes:
    """A JPEG with soft colours and edges."""
    y, x = np.mgrid[:height, :width]
    channels = [np.sin(x / 17) * 100 + 128, y * 255 / height, (x // 40 + y // 30) % 2 * 200 + 20]
    pixels = np.stack(channels, 2) * 0.7 + ((x // 3 + y // 3) % 2 * 60)[..., None]
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert(mode)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95, subsampling=0, **options)
    return file.getvalue()


def test_a_draw_is_found_again_by_its_key_and_another_key_gives_another():
    first = draw(view(), 500, 375, **KEY)
    assert draw(view(), 500, 375, **KEY) == first
    for name, value in {"seed": 4, "epoch": 6, "hash": "a" * 31, "index": 2}.items():
        assert draw(view(), 500, 375, **{**KEY, name: value}) != first


def test_draws_have_the_frequencies_and_ranges_of_the_recipe():
    each = view()
    draws = [draw(each, 500, 375, **{**KEY, "epoch": epoch}) for epoch in range(4000)]
    counts = collections.Counter()
    for each in draws:
        counts["flip"] += each.flip
        counts["jitter"] += bool(each.order)
        counts["grey"] += each.grey
        counts["blur"] += each.blur > 0
        counts["solarize"] += each.solarize
    expected = {"flip": 0.5, "jitter": 0.8, "grey": 0.2, "blur": 0.1, "solarize": 0.2}
    for name, part in expected.items():
        assert counts[name] / 4000 == pytest.approx(part, abs=0.03), name
    jittered = np.array([each.factors for each in draws if each.order])
    assert jittered.min(0) == pytest.approx([0.6, 0.6, 0.8, -0.1], abs=0.01)
    assert jittered.max(0) == pytest.approx([1.4, 1.4, 1.2, 0.1], abs=0.01)
    boxes = np.array([each.box for each in draws])
    widths, heights = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    areas = widths * heights / (500 * 375)
    assert (areas.min(), areas.max()) == pytest.approx((0.4, 1.0), abs=0.02)
    assert (widths / heights).min() > 0.74
    assert (widths / heights).max() < 1.35
    assert boxes[:, :2].min() == 0
    assert boxes[:, 2].max() <= 500
    assert boxes[:, 3].max() <= 375


def test_a_crop_that_never_fits_is_the_largest_central_one():
    assert draw(view(), 1000, 30, **KEY).box == (480, 0, 520, 30)


@pytest.mark.parametrize("name", RECIPES)
def test_both_augmentations_do_what_was_drawn_and_agree(name):
    recipe = read_recipe(name, 10_000, resolution=64)
    data = photo()
    image, pixels = official.decode(data), fast.decode(data)
    for index, each in enumerate(recipe.each_view()):
        for epoch in range(6):
            drawn = draw(each, 160, 120, **{**KEY, "index": index, "epoch": epoch})
            one = official.normalise(official.apply(image, each, drawn)[None], MEAN, STD)
            crop = fast.crop(pixels, each, drawn)
            other = fast.finish(crop[None], fast.pack([drawn]), MEAN, STD)
            assert one.shape == other.shape == (1, 3, each.size, each.size)
            # solarize has a jump, at which a rounding turns light into dark
            far = ((one - other).abs() > 0.25).float().mean()
            assert far < (0.12 if drawn.solarize else 0.02), drawn


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"order": (0, 1, 2, 3), "factors": (1.3, 1.0, 1.0, 0.0)},
        {"order": (0, 1, 2, 3), "factors": (1.0, 0.6, 1.0, 0.0)},
        {"order": (0, 1, 2, 3), "factors": (1.0, 1.0, 0.3, 0.0)},
        {"order": (0, 1, 2, 3), "factors": (1.0, 1.0, 1.0, 0.2)},
        {"order": (3, 2, 1, 0), "factors": (1.2, 0.7, 1.4, -0.1)},
        {"grey": True},
        {"blur": 1.5},
        {"flip": True},
        {"box": (10, 5, 130, 110)},
    ],
)
def test_each_change_is_the_same_in_both_augmentations(change):
    plain = Draw((0, 0, 160, 120), (), (1.0, 1.0, 1.0, 0.0), False, 0.0, False, False)
    each, drawn = view(index=0), plain._replace(**change)
    data = photo()
    one = official.apply(official.decode(data), each, drawn).float() / 255
    crops = fast.crop(fast.decode(data), each, drawn)
    other = fast.finish(crops[None], fast.pack([drawn]), [0, 0, 0], [1, 1, 1])[0]
    apart = (one - other).abs().mean()
    assert apart < 0.01
    if change:
        still = official.apply(official.decode(data), each, plain).float() / 255
        assert (one - still).abs().mean() > 2 * apart


def test_solarize_inverts_light_values():
    drawn = Draw((0, 0, 2, 1), (), (1.0, 1.0, 1.0, 0.0), False, 0.0, True, False)
    crops = torch.tensor([127, 128, 255], dtype=torch.uint8).view(1, 1, 1, 3).expand(1, 3, 1, 3)
    done = fast.finish(crops, fast.pack([drawn]), [0, 0, 0], [1, 1, 1])
    assert (done[0, 0, 0] * 255).round().tolist() == [127, 127, 0]


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_every_kind_of_jpeg_is_decoded_to_rgb(mode):
    data = photo(mode)
    pixels, image = fast.decode(data), official.decode(data)
    assert (pixels.dtype, tuple(pixels.shape)) == (torch.uint8, (3, 120, 160))
    difference = (pixels.float() - torch.from_numpy(np.array(image)).permute(2, 0, 1)).abs()
    assert difference.mean() < 2


def test_an_image_that_lies_on_its_side_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = photo(exif=exif)
    assert official.decode(data).size == (120, 160)
    assert tuple(fast.decode(data).shape) == (3, 160, 120)


def test_a_batch_has_the_same_views_whatever_else_is_in_it():
    for augmentation in ("official", "fast"):
        changes = {"augmentation": augmentation}
        recipe = read_recipe("dino-vits16", 100, resolution=64, changes=changes)
        augment = Augment(recipe, seed=0)
        rows = [{"hash": f"{n:031x}", "image": {"bytes": photo(), "path": None}} for n in range(3)]
        device = torch.device("cpu")
        together = augment([(1, row) for row in rows]).finish(recipe, device)
        alone = augment([(1, rows[2])]).finish(recipe, device)
        assert len(alone) == 10
        for one, other in zip(together, alone, strict=True):
            torch.testing.assert_close(one[2:], other, rtol=0, atol=1e-6)


def test_the_parts_of_the_ranks_make_the_batch_of_one_process_and_epochs_differ():
    recipe = read_recipe("moco-v2-r50", 23, changes={"batch_size": 8})
    steps = range(4)

    def order(rank, world, steps=steps):
        return list(Order(23, recipe, 7, steps=steps, rank=rank, world=world))

    whole = order(0, 1)
    assert [len(batch) for batch in whole] == [8, 8, 8, 8]
    assert [batch[0][0] for batch in whole] == [0, 0, 1, 1]
    assert len({row for batch in whole[:2] for _, row in batch}) == 16
    assert [one + other for one, other in zip(order(0, 2), order(1, 2), strict=True)] == whole
    assert order(0, 1, range(3, 4)) == whole[3:]
    assert [row for _, row in whole[0]] != [row for _, row in whole[2]]
