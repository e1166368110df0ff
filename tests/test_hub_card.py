"""The card keeps what others wrote, and is the same however often it is written."""

from __future__ import annotations

import re
from datetime import date

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pass_utils import RemoteError
from pass_utils.hub.card import (
    CardFacts,
    _put,
    _size_category,
    other_patterns,
    read_card,
    write_card,
)
from pass_utils.hub.contents import Contents, SplitContents
from pass_utils.releases import FEATURES, RELEASES

DAY = date(2026, 11, 25)


def write(before: str | bytes = b"", config: str = "default", **options) -> str:
    """A card for 1,000 images of v3."""
    content = before if isinstance(before, bytes) else before.encode()
    given = {
        "release": RELEASES["v3"],
        "credits": "CREDITS.csv",
        "contents": Contents(FEATURES, {"train": SplitContents(1000, 2, 300, 400)}),
        **options,
    }
    facts = CardFacts(config, "data", **given)
    url = "https://hub.example/datasets/me/pass"
    return write_card(read_card(content), repo_id="me/pass", url=url, facts=facts, day=DAY)


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
    said = [
        number
        for number, line in enumerate(plain)
        if line == "They were chosen: x." or line.endswith("; x")
    ]
    assert len(said) == 2  # in its own sentence, and in the changelog
    assert len(lines) == len(plain)
    for number, (line, other) in enumerate(zip(lines, plain, strict=True)):
        assert "<" not in line if number in said else line == other


@pytest.mark.parametrize(
    ("selection", "shown"),
    [
        ("shorter side at least 375 pixels.", "shorter side at least 375 pixels"),
        ("![x](http://a.b/c)", r"\!\[x\](http:&#47;&#47;a.b/c)"),
        ("<img src=x> **b** `c`", r"&lt;img src=x&gt; \*\*b\*\* \`c\`"),
        ("a\x1b[31m\u202eb\nc", r"a\[31mb c"),
        ("me@example.org", "me&#64;example.org"),
    ],
)
def test_selection_and_changes_are_shown_as_text(selection, shown):
    assert f"They were chosen: {shown}.\n" in write(selection=selection)
    changed = write(changes=selection)
    assert f"The images were changed: {shown}.\n" in changed
    assert f"; changed: {shown}\n" in changed  # in the changelog


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"---\nlicense: mit\n---\n\xff", "expected UTF-8, found: 'utf-8' codec can't decode"),
        (b"---\n- a: [\n---\n", "expected YAML between two lines of ---, found: "),
        (b"---\n- a\n---\n", "expected YAML between two lines of ---, found: "),
        (b"---\nconfigs: 5\n---\n", "expected a list of configs, .* found: configs: 5. Fix it"),
        (b"---\nconfigs: [5]\n---\n", r"found: configs: \[5\]"),
        (b"---\nconfigs: {a: b}\n---\n", "expected a list of configs"),
        (b"---\nconfigs: [{config_name: x, data_files: 5}]\n---\n", "found: data_files: 5"),
        (b"---\ndataset_info: 5\n---\n", "expected a mapping, .* found: dataset_info: 5"),
    ],
)
def test_read_card_refuses_what_the_hub_would_not_take(content, match):
    with pytest.raises(RemoteError, match=f"README.md: .*{match}") as raised:
        read_card(content)
    assert str(raised.value).isprintable()


def test_a_card_with_a_byte_order_mark_keeps_its_yaml():
    card = write(b"\xef\xbb\xbf---\nextra: 5\n---\n# Mine\n")
    assert yaml.safe_load(card.split("---\n")[1])["extra"] == 5
    assert card.count("---\n") == 2
    assert "\n---\n# Mine\n" in card


def test_other_patterns_are_those_of_other_configs():
    card = read_card(
        b"---\nconfigs:\n- {config_name: a, data_files: 'a/*'}\n- {config_name: b, data_files: "
        b"[{split: x, path: [b, c]}, d]}\n- {config_name: c, data_files: {path: e}}\n---\n"
    )
    assert other_patterns(card, ["a"]) == ["b", "c", "d", "e"]
    assert other_patterns(card, ["a", "b"]) == ["e"]


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


def test_the_card_says_how_a_removal_is_asked_for_and_what_happens_then():
    card = write()
    section = card[card.index("\n## Removals\n") :]
    assert "(https://hub.example/datasets/me/pass/discussions) and name the photo by" in section
    assert '"name withheld at the creator\'s request" in place' in section
    assert "`pass-utils push --exclude FILE`" in section
    assert "## Removals" not in write(release=None)


def changelog(card: str) -> list[str]:
    return [line for line in card.splitlines() if re.match(r"- \d{4}-\d\d-\d\d: ", line)]


def test_the_changelog_grows_with_each_other_push():
    first = write(digest="a" * 64)
    assert changelog(first) == ["- 2026-11-25: 1,000 images of release v3; hashes `aaaaaaaaaaaa`"]
    assert write(first, digest="a" * 64) == first
    second = write(first, digest="b" * 64, changes="cropped")
    assert changelog(second) == [
        "- 2026-11-25: 1,000 images of release v3; hashes `bbbbbbbbbbbb`; changed: cropped",
        *changelog(first),
    ]
    other = write(second, config="ten")
    assert changelog(other)[:2] == changelog(second)
    assert len(changelog(other)) == 3


def test_what_people_wrote_in_the_block_is_no_changelog():
    card = write().replace("# pass\n", "# pass\n\n- 2020-01-01: mine\n", 1)
    assert len(changelog(write(card, digest="c" * 64))) == 2
