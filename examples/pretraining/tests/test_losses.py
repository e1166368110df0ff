"""Losses and gradients equal the equations of the papers, written out in float64; teachers,
optimizers and clipping likewise.
"""

from __future__ import annotations

import math

import pytest
import torch
from methods import make_method
from optimizers import clip_each, make_optimizer, set_values
from recipes import read_recipe
from schedules import Moment
from torch import nn

IMAGES, WIDTH = 6, 8
MOMENT = Moment(
    step=0,
    epoch=0.0,
    lr=0.1,
    weight_decay=0.01,
    momentum=0.9,
    temperature=0.05,
    batch_size=IMAGES,
    steps_per_epoch=1,
)


def make(name: str, **changes):
    changes = {f"settings.{key}": value for key, value in changes.items()}
    return make_method(read_recipe(name, 10_000, smoke=True, changes=changes))


def without_network(name: str, **changes):
    """A method whose embeddings are the images themselves, (images, width, 1, 1)."""
    torch.manual_seed(0)
    method = make(name, **changes)
    method.backbone, method.head = nn.Flatten(), nn.Identity()
    if method.teacher_backbone is not None:
        method.teacher_backbone, method.teacher_head = nn.Flatten(), nn.Identity()
    return method


def views(count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    shape = (IMAGES, WIDTH, 1, 1)
    return [torch.randn(shape, generator=generator).requires_grad_() for _ in range(count)]


def in_float64(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    return [each.detach().double().flatten(1).requires_grad_() for each in tensors]


def unit(x: torch.Tensor) -> torch.Tensor:
    return x / (x * x).sum(1, keepdim=True).sqrt()


def log_softmax(x: torch.Tensor) -> torch.Tensor:
    return x - x.exp().sum(1, keepdim=True).log()


def assert_same(loss, inputs, expected, exact) -> None:
    """The loss and its gradients with regard to the inputs."""
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    loss.backward()
    expected.backward()
    for one, other in zip(inputs, exact, strict=True):
        if other.grad is None:
            assert one.grad is None or not one.grad.any()
        else:
            torch.testing.assert_close(
                one.grad.flatten(1), other.grad.float(), rtol=1e-4, atol=1e-7
            )


def test_moco_is_the_contrast_of_each_query_with_its_key_and_the_queue():
    method = without_network("moco-v2-r50", queue=16, output=WIDTH)
    queue = method.loss.memory_bank.bank.double().clone()
    inputs = views(2)
    exact = in_float64(inputs)
    query, key = unit(exact[0]), unit(exact[1].detach())
    positive = (query * key).sum(1) / 0.2
    negative = (query @ queue.T) / 0.2
    parts = positive.exp() / (positive.exp() + negative.exp().sum(1))
    assert_same(method(inputs, MOMENT), inputs, -parts.log().mean(), exact)

    bank = method.loss.memory_bank
    torch.testing.assert_close(bank.bank[:IMAGES].double(), key, rtol=1e-6, atol=1e-6)
    assert torch.equal(bank.bank[IMAGES:].double(), queue[IMAGES:])
    assert bank.bank_ptr.item() == IMAGES


def sinkhorn(scores: torch.Tensor) -> torch.Tensor:
    """Q of SwAV's appendix: rows and columns to uniform sums, three times."""
    q = (scores.detach() / 0.05).exp()
    images, prototypes = q.shape
    for _ in range(3):
        q = q / q.sum(0, keepdim=True) / prototypes
        q = q / q.sum(1, keepdim=True) / images
    return q * images


@pytest.mark.parametrize("queued", [False, True])
def test_swav_predicts_the_assignment_of_each_large_view_from_all_others(queued):
    changes = {"prototypes": 5, "output": WIDTH, "queue": 12, "queue_start_epoch": 3}
    method = without_network("swav-r50", **changes)
    queue = unit(torch.randn(24, WIDTH)).view(2, 12, WIDTH)
    method.queue.copy_(queue)
    moment = MOMENT._replace(step=5 if queued else 4)  # full after two steps of six images
    inputs = views(5)
    exact = in_float64(inputs)
    loss = method(inputs, moment)

    prototypes = method.prototypes.weight.detach().double()
    torch.testing.assert_close(prototypes.norm(dim=1), torch.ones(5).double())
    scores = [unit(each) @ prototypes.T for each in exact]
    expected = 0
    for large in (0, 1):
        known = [scores[large], queue[large].double() @ prototypes.T][: 2 if queued else 1]
        assignment = sinkhorn(torch.cat(known))[:IMAGES]
        for other in set(range(5)) - {large}:
            expected -= (assignment * log_softmax(scores[other] / 0.1)).sum(1).mean() / 4 / 2
    assert_same(loss, inputs, expected, exact)

    newest = unit(inputs[1].detach().flatten(1))
    torch.testing.assert_close(method.queue[1][:IMAGES], newest)
    torch.testing.assert_close(method.queue[1][IMAGES:], queue[1][: 12 - IMAGES])


def test_swav_leaves_the_queue_alone_before_its_epoch():
    changes = {"prototypes": 5, "output": WIDTH, "queue": 12, "queue_start_epoch": 3}
    method = without_network("swav-r50", **changes)
    method(views(5), MOMENT._replace(step=2))
    assert not method.queue.any()


def test_dino_is_the_cross_entropy_of_the_teachers_large_views_and_the_students_others():
    method = without_network("dino-vits16", output=WIDTH)
    center = torch.linspace(-1, 1, WIDTH).double()
    method.loss.center.copy_(center)
    inputs = views(4)
    exact = in_float64(inputs)
    teacher = [log_softmax((each.detach() - center) / 0.05).exp() for each in exact[:2]]
    student = [log_softmax(each / 0.1) for each in exact]
    pairs = [(t, s) for t in range(2) for s in range(4) if t != s]
    expected = sum(-(teacher[t] * student[s]).sum(1).mean() for t, s in pairs) / len(pairs)
    assert_same(method(inputs, MOMENT), inputs, expected, exact)
    mean = torch.cat(exact[:2]).mean(0)
    new = 0.9 * center + 0.1 * mean.detach()
    torch.testing.assert_close(method.loss.center.flatten().double(), new, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["moco-v2-r50", "dino-vits16"])
def test_the_teacher_begins_as_the_student_and_moves_towards_it(name):
    method = make(name)
    pairs = [
        pair
        for student, teacher in method.pairs()
        for pair in zip(student.parameters(), teacher.parameters(), strict=True)
    ]
    assert len(pairs) > 20
    assert all(torch.equal(*pair) for pair in pairs)
    assert not any(teacher.requires_grad for _, teacher in pairs)
    before = [teacher.clone() for _, teacher in pairs]
    with torch.no_grad():
        for student, _ in pairs:
            student.add_(torch.randn_like(student))
    method.after_step(MOMENT)
    for (student, teacher), old in zip(pairs, before, strict=True):
        torch.testing.assert_close(teacher, 0.9 * old + 0.1 * student)


def test_prototypes_and_the_last_layer_are_frozen_for_their_epochs():
    swav = make("swav-r50", frozen_epochs=0.5)
    dino = make("dino-vits16", frozen_epochs=0.5)
    for method, parameter in (
        (swav, swav.prototypes.weight),
        (dino, dino.head.last_layer.weight_v),
    ):
        for step in (4, 5):
            parameter.grad = torch.ones_like(parameter)
            method.before_step(MOMENT._replace(step=step, epoch=step / 10, steps_per_epoch=10))
            assert (parameter.grad is None) == (step == 4)


def test_dino_decays_neither_biases_nor_norms_and_the_others_decay_all():
    for name in ("moco-v2-r50", "swav-r50", "dino-vits16"):
        method = make(name)
        optimizer = make_optimizer(method.recipe, method)
        set_values(optimizer, MOMENT)
        groups = [(g["lr"], g["weight_decay"], g["params"]) for g in optimizer.param_groups]
        trained = [each for each in method.parameters() if each.requires_grad]
        assert sum(len(params) for *_, params in groups) == len(trained)
        if name == "dino-vits16":
            assert [group[:2] for group in groups] == [(0.1, 0.01), (0.1, 0.0)]
            assert {each.ndim for each in groups[1][2]} == {1}
            assert 1 not in {each.ndim for each in groups[0][2]}
        else:
            assert [group[:2] for group in groups] == [(0.1, 0.01)]


def test_lars_is_sgd_with_a_rate_for_each_layer():
    recipe = read_recipe("swav-r50", 10_000, smoke=True)
    layer = nn.Linear(3, 2, bias=False)
    optimizer = make_optimizer(recipe, layer)
    set_values(optimizer, MOMENT)
    weight, velocity = layer.weight.detach().double().clone(), 0
    for step in (1, 2):
        layer.weight.grad = torch.full((2, 3), float(step))
        gradient = layer.weight.grad.double()
        rate = 0.001 * weight.norm() / (gradient.norm() + 0.01 * weight.norm())
        velocity = 0.9 * velocity + rate * (gradient + 0.01 * weight)
        weight = weight - 0.1 * velocity
        optimizer.step()
        torch.testing.assert_close(layer.weight.detach().double(), weight, rtol=1e-6, atol=1e-7)


def test_clipping_is_of_each_parameter_for_itself():
    large, small, none = (nn.Parameter(torch.zeros(4)) for _ in range(3))
    large.grad, small.grad = torch.full((4,), 10.0), torch.full((4,), 1.0)
    clip_each([large, small, none], 3.0)
    assert large.grad.norm().item() == pytest.approx(3.0)
    assert small.grad.tolist() == [1.0] * 4
    assert none.grad is None
    assert math.isclose(large.grad[0].item(), 1.5, rel_tol=1e-6)
