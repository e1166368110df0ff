"""The values of each recipe are the official ones, and schedules have them at the right steps."""

from __future__ import annotations

import math

import pytest
from recipes import FILE, PretrainingError, read_recipe
from schedules import moment_at

IMAGES = 1_439_588  # of v3
# of views: one source for all of a recipe
SAME = ("count", "size", "scale", "interpolation", "flip", "grey", "blur", "solarize")
half_cosine = lambda part: (1 + math.cos(math.pi * part)) / 2  # noqa: E731


def official(name: str):
    recipe = read_recipe(name, IMAGES)
    assert recipe.deviations == []
    steps_per_epoch = IMAGES // recipe.batch_size
    return recipe, steps_per_epoch, recipe.epochs * steps_per_epoch


def values(name: str, *steps: int) -> list[tuple[float, ...]]:
    recipe, steps_per_epoch, _ = official(name)
    moments = [moment_at(recipe, step, steps_per_epoch) for step in steps]
    return [(m.lr, m.weight_decay, m.momentum, m.temperature) for m in moments]


def test_moco_has_a_cosine_by_epochs_and_the_rest_constant():
    _, steps_per_epoch, total = official("moco-v2-r50")
    assert (steps_per_epoch, total) == (5623, 1_124_600)
    first, in_first, second, middle, last = values(
        "moco-v2-r50", 0, 5622, 5623, total // 2, total - 1
    )
    assert first == in_first == (0.03, 1e-4, 0.999, 0.2)
    assert second == pytest.approx((0.03 * half_cosine(1 / 200), 1e-4, 0.999, 0.2))
    assert middle == pytest.approx((0.015, 1e-4, 0.999, 0.2))
    assert last == pytest.approx((0.03 * half_cosine(199 / 200), 1e-4, 0.999, 0.2))


def test_swav_at_256_has_a_cosine_by_steps_from_point_6():
    total = official("swav-r50")[2]
    first, middle, last = values("swav-r50", 0, total // 2, total - 1)
    assert first == pytest.approx((0.6, 1e-6, 1.0, 0.1))
    assert middle == pytest.approx((0.3003, 1e-6, 1.0, 0.1))
    end = 0.0006 + (0.6 - 0.0006) * half_cosine((total - 1) / total)
    assert last == pytest.approx((end, 1e-6, 1.0, 0.1))


def test_swav_at_4096_warms_up_for_ten_epochs():
    recipe, steps_per_epoch, total = official("swav-r50-4096")
    assert (recipe.batch_size, recipe.settings["queue"], steps_per_epoch) == (4096, 0, 351)
    steps = (0, 1755, 3509, 3510, 3510 + (total - 3510) // 2, total - 1)
    lrs = [each[0] for each in values("swav-r50-4096", *steps)]
    warm = 0.3 + (4.8 - 0.3) * 1755 / 3509
    end = 0.0048 + (4.8 - 0.0048) * half_cosine((total - 3511) / (total - 3510))
    assert lrs == pytest.approx([0.3, warm, 4.8, 4.8, 2.4024, end])


def test_dino_warms_up_and_raises_weight_decay_and_momentum():
    recipe, steps_per_epoch, total = official("dino-vits16")
    assert (recipe.batch_size, steps_per_epoch, total) == (512, 2811, 281_100)
    warmup = 28_110
    steps = (0, 14_055, warmup - 1, warmup, total // 2, total - 1)
    first, warm, warmed, begun, middle, last = values("dino-vits16", *steps)

    def decay(step):
        return 0.4 + (0.04 - 0.4) * half_cosine(step / total)

    def momentum(step):
        return 1 + (0.996 - 1) * half_cosine(step / total)

    assert first == pytest.approx((0, 0.04, 0.996, 0.04))
    assert warm == pytest.approx((1e-3 * 14_055 / 28_109, decay(14_055), momentum(14_055), 0.04))
    assert warmed == pytest.approx((1e-3, decay(28_109), momentum(28_109), 0.04))
    assert begun == pytest.approx((1e-3, decay(warmup), momentum(warmup), 0.04))
    done = (total // 2 - warmup) / (total - warmup)
    lr = 1e-6 + (1e-3 - 1e-6) * half_cosine(done)
    assert middle == pytest.approx((lr, 0.22, 0.998, 0.04))
    lr = 1e-6 + (1e-3 - 1e-6) * half_cosine((total - 1 - warmup) / (total - warmup))
    assert last == pytest.approx((lr, decay(total - 1), momentum(total - 1), 0.04))


def test_a_teacher_temperature_that_warms_up_goes_from_epoch_to_epoch():
    changes = {
        "teacher.temperature": 0.07,
        "teacher.warmup_epochs": 30,
    }
    recipe = read_recipe("dino-vits16", IMAGES, changes=changes)
    temperatures = [moment_at(recipe, step, 10).temperature for step in (0, 9, 10, 290, 300, 999)]
    assert temperatures == pytest.approx([0.04, 0.04, 0.04 + 0.03 / 29, 0.07, 0.07, 0.07])


def test_another_batch_scales_the_learning_rates_that_the_authors_scale():
    moco = read_recipe("moco-v2-r50", IMAGES, changes={"batch_size": 128})
    assert (moco.optimizer.lr, moco.optimizer.final_lr) == (0.015, 0.0)
    dino = read_recipe("dino-vits16", IMAGES, changes={"batch_size": 1024})
    assert (dino.optimizer.lr, dino.optimizer.final_lr) == (0.002, 1e-6)
    assert "optimizer.lr: 0.001 -> 0.002 (in proportion to the batch)" in dino.deviations
    given = read_recipe("dino-vits16", IMAGES, changes={"batch_size": 1024, "optimizer.lr": 0.5})
    assert given.optimizer.lr == 0.5


def test_fewer_epochs_shorten_warm_ups_and_more_leave_them():
    shorter = read_recipe("dino-vits16", IMAGES, changes={"epochs": 10})
    assert (shorter.optimizer.warmup_epochs, shorter.settings["frozen_epochs"]) == (1.0, 0.1)
    assert shorter.deviations == [
        "epochs: 100 -> 10 (as given)",
        "optimizer.warmup_epochs: 10 -> 1.0 (in proportion to the epochs)",
        "settings.frozen_epochs: 1 -> 0.1 (in proportion to the epochs)",
    ]
    longer = read_recipe("dino-vits16", IMAGES, changes={"epochs": 300})
    assert longer.optimizer.warmup_epochs == 10
    assert longer.deviations == ["epochs: 100 -> 300 (as given)"]
    swav = read_recipe("swav-r50", IMAGES, changes={"epochs": 100})
    assert swav.settings["queue_start_epoch"] == 7


def test_queues_are_of_complete_batches_and_no_larger_than_the_images():
    assert read_recipe("moco-v2-r50", 2000).settings["queue"] == 1792
    assert read_recipe("moco-v2-r50", 70_000).settings["queue"] == 65536
    swav = read_recipe("swav-r50", IMAGES, changes={"batch_size": 1000})
    assert swav.settings["queue"] == 3000


def test_another_resolution_shrinks_all_views_to_multiples_of_16():
    recipe = read_recipe("dino-vits16", IMAGES, resolution=128)
    assert [view.size for view in recipe.each_view()] == [128, 128, *[48] * 8]


def test_unknown_recipes_and_keys_are_refused():
    with pytest.raises(PretrainingError, match="expected a recipe .moco-v2-r50, swav-r50, "):
        read_recipe("moco", IMAGES)
    for key in ("settings.temprature", "lr", "views.7.size", "name.x"):
        with pytest.raises(PretrainingError, match="expected a key of the recipe"):
            read_recipe("moco-v2-r50", IMAGES, changes={key: 1})


def test_every_value_of_the_file_stands_beside_its_source():
    section, bare, same = "", [], ("method =", "jitter", *(f"{key} =" for key in SAME))
    for line in FILE.read_text().splitlines():
        section = line if line.startswith("[") else section
        if " = " in line and "#" not in line and ".smoke]" not in section:
            bare += [] if line.startswith(same) else [line]
    assert bare == ['based_on = "swav-r50"']
