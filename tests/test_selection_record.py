"""The record of a selection, in words, as JSON, as a digest and as options."""

from __future__ import annotations

import json
from datetime import date, datetime

import pytest

from pass_utils import SelectionError
from pass_utils.selection.bounds import Bounds
from pass_utils.selection.lists import read_hashes
from pass_utils.selection.record import Selection
from pass_utils.selection.selected import selection_steps

HASH = "ffd3eb12a16cb83138f26e6f36dec967"
LISTED = read_hashes([HASH])
EVERYTHING = Selection(
    release="v3",
    shards=(0, 3),
    include=LISTED,
    exclude=read_hashes([]),
    has_gps=True,
    min_date=date(2004, 1, 2),
    max_date=date(2011, 12, 31),
    per_creator=2,
    bounds=Bounds(min_side=375, max_aspect=1.5),
    sample=3000,
    test_size=0.05,
    seed=51,
)


def test_a_selection_in_the_user_s_words_is_one_line_without_escapes():
    assert selection_steps(None, " a\x1b[31m\u202e\n# b ").words == "a[31m # b"


def test_a_selection_is_described_for_people():
    assert EVERYTHING.words() == (
        f"from shards 0 and 3; in a list of 1 hash ({LISTED.digest[:12]}); not in a list of 0 "
        "hashes (e3b0c44298fc); with a location; taken from 2004-01-02 to 2011-12-31; at most 2 "
        "of each creator; shorter side at least 375 pixels; width by height at most 1.5; a sample "
        "of 3,000 with seed 51; split by creator, 0.05 of them in test, with seed 51"
    )


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (Selection("v2"), None),
        (Selection(shards=(1,)), "from shard 1"),
        (Selection(has_gps=False), "without a location"),
        (Selection(min_date=date(2010, 1, 1)), "taken from 2010-01-01"),
        (Selection(max_date=date(2010, 1, 1)), "taken up to 2010-01-01"),
        (Selection(per_creator=1), "at most 1 of each creator with seed 0"),
        (Selection(bounds=Bounds(max_pixels=1234567)), "width times height at most 1,234,567"),
    ],
)
def test_each_part_has_its_words(selection, words):
    assert selection.words() == words


def test_json_holds_lists_by_digest_and_gives_the_same_selection_back():
    document = json.loads(json.dumps(EVERYTHING.to_json()))
    assert document == {
        "release": "v3",
        "shards": [0, 3],
        "include": {"count": 1, "sha256": LISTED.digest},
        "exclude": {"count": 0, "sha256": read_hashes([]).digest},
        "has_gps": True,
        "min_date": "2004-01-02",
        "max_date": "2011-12-31",
        "per_creator": 2,
        "min_side": 375,
        "max_aspect": 1.5,
        "sample": 3000,
        "test_size": 0.05,
        "seed": 51,
    }
    back = Selection.from_json(document)
    assert (back, back.digest) == (EVERYTHING, EVERYTHING.digest)
    full = EVERYTHING.to_json(hashes=True)
    assert full["include"]["hashes"] == [HASH]
    again = Selection.from_json(full).include
    assert again is not None
    assert again.keys is not None
    assert again.keys.text().to_pylist() == [HASH]


def test_the_digest_changes_with_every_part_and_with_no_seed_that_is_not_used():
    changed = [
        EVERYTHING.replace(**{name: None})
        for name in EVERYTHING.__dataclass_fields__.keys() - {"seed"}
    ]
    changed.append(EVERYTHING.replace(seed=52))
    assert len({each.digest for each in [EVERYTHING, *changed]}) == 13
    assert Selection("v2", seed=7).digest == Selection("v2").digest


def test_dates_are_days_however_they_are_given():
    for value in ("2010-12-31", date(2010, 12, 31), datetime(2010, 12, 31, 5)):
        assert Selection(min_date=value, max_date=value).min_date == date(2010, 12, 31)


def test_options_ask_for_the_same_and_name_no_file():
    assert EVERYTHING.command_options() == (
        "--release v3 --shards 0,3 --include FILE --exclude FILE --has-gps --min-date 2004-01-02 "
        "--max-date 2011-12-31 --per-creator 2 --min-side 375 --max-aspect 1.5 --sample 3000 "
        "--test-size 0.05 --seed 51"
    )


def test_what_chooses_single_images_is_a_subset_and_excluding_alone_is_not():
    assert EVERYTHING.is_subset
    assert not Selection("v3", shards=(0,), bounds=Bounds(min_side=1)).is_subset
    assert not Selection(exclude=LISTED).is_subset
    assert Selection(exclude=LISTED).by_metadata
    for part in ({"has_gps": False}, {"max_date": "2010-01-01"}, {"per_creator": 1}, {"sample": 1}):
        assert Selection(**part).is_subset


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample": 0}, "sample: expected a number, at least 1, found 0"),
        ({"sample": True}, "sample: expected a number, at least 1, found True"),
        ({"per_creator": 1.5}, "per_creator: expected a number, at least 1, found 1.5"),
        ({"seed": "a"}, "seed: expected a whole number, found 'a'"),
        ({"has_gps": 1}, "has_gps: expected True or False, found 1"),
        ({"min_date": "2010"}, "min_date: expected a day such as 2010-12-31, found '2010'"),
        ({"max_date": 2010}, "max_date: expected a day such as 2010-12-31, found 2010"),
        (
            {"min_date": "2010-01-02", "max_date": "2010-01-01"},
            "min_date: expected a day up to max_date 2010-01-01, found 2010-01-02",
        ),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(SelectionError, match=message):
        Selection(**options)


@pytest.mark.parametrize(
    "document", [None, [], {"path": "/home"}, {"include": "list.txt"}, {"include": {"count": 1}}]
)
def test_what_is_no_record_is_refused(document):
    with pytest.raises(SelectionError, match="expected"):
        Selection.from_json(document)
