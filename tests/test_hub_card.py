"""The card keeps what others wrote, and is the same however often it is written."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pass_utils.hub.card import _put, _size_category, write_card
from pass_utils.hub.survey import Part, Survey
from pass_utils.releases import FEATURES, RELEASES


def write(before: str = "", config: str = "default", **options) -> str:
    """A card for 1,000 pictures of v3."""
    parts = {"train": Part(1000, 2, 300, 400)}
    with (
        tempfile.TemporaryDirectory() as folder,
        Survey(FEATURES, Path(folder), parts=parts) as survey,
    ):
        given = {
            "release": RELEASES["v3"],
            "selection": None,
            "credits": "CREDITS.parquet",
            **options,
        }
        return write_card(
            before, repo_id="me/pass", config=config, folder="data", survey=survey, **given
        )


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r"))


@given(TEXT, st.sampled_from(["default", "a.b", "ten"]), TEXT)
def test_a_block_is_put_once_and_the_rest_stays(text, config, ours):
    once = _put(text, config, "old")
    again = _put(once, config, ours)
    assert again == once.replace("-->\nold\n<!--", f"-->\n{ours}\n<!--")
    assert _put(again, config, ours) == again
    assert again.startswith(text.strip()) or not text.strip()


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None
)
@given(TEXT)
def test_a_selection_cannot_leave_its_line(selection):
    """No heading, no tag, no end of our comment, and no more of the card than its own sentence."""
    plain = write(selection="x").splitlines()
    lines = write(selection=f"x{selection}").splitlines()
    (place,) = [number for number, line in enumerate(plain) if line == "They were chosen: x."]
    assert lines[:place] + lines[place + 1 :] == plain[:place] + plain[place + 1 :]
    assert "<" not in lines[place]


def test_writing_again_changes_nothing():
    once = write()
    assert write(once) == once
    twice = write(once, config="ten")
    assert write(write(twice), config="ten") == twice
    assert [
        info["config_name"] for info in yaml.safe_load(twice.split("---\n")[1])["dataset_info"]
    ] == ["default", "ten"]


def test_a_text_without_yaml_gets_some():
    card = write("# Mine\n\nText.\n")
    assert card.startswith("---\nannotations_creators:")
    assert "---\n# Mine\n\nText.\n\n<!-- begin of what pass-utils writes of default -->" in card


def test_other_facts_in_the_yaml_stay():
    card = write("---\nlicense: cc-by-sa-4.0\nextra: [1, 2]\ntags:\n- mine\n---\n")
    facts = yaml.safe_load(card.split("---\n")[1])
    assert (facts["license"], facts["extra"], facts["tags"]) == ("cc-by-sa-4.0", [1, 2], ["mine"])
    assert facts["dataset_info"]["splits"] == [
        {"name": "train", "num_bytes": 400, "num_examples": 1000}
    ]


@pytest.mark.parametrize(
    ("rows", "category"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (1_439_588, "1M<n<10M"), (10**9, "n>1B")],
)
def test_sizes_are_called_as_on_the_hub(rows, category):
    assert _size_category(rows) == category
