"""A picture's credit: its fields, and the line that one would write by hand."""

from __future__ import annotations

import dataclasses

import pyarrow as pa
import pytest

from pass_utils import AttributionError, ReleaseError, dataset_credit
from pass_utils._util.text import readable
from pass_utils.attribution.credit import (
    COLUMNS,
    Credit,
    credit_batch,
    credit_records,
)
from pass_utils.attribution.options import text_lines
from pass_utils.releases import DATASET_AUTHORS, script

HASH = "dd571a41a015354d92a859f7ef31201"
SOURCE = f"https://multimedia-commons.s3-us-west-2.amazonaws.com/data/images/dd5/71a/{HASH}.jpg"
BY = "https://creativecommons.org/licenses/by/2.0/"


def one(
    username: str | None = "Chiara+Marra", changes: str | None = None, **columns: str
) -> Credit:
    arrays = {name: pa.array([value], pa.string()) for name, value in columns.items()}
    batch = credit_batch(pa.array([HASH]), pa.array([username], pa.string()), **arrays)
    (made,) = credit_records(batch, changes)
    return made


def test_a_credit_says_who_took_the_picture_where_it_is_and_under_which_licence():
    assert dataclasses.asdict(one()) == {
        "hash": HASH,
        "creator": "Chiara Marra",
        "creator_username": "Chiara+Marra",
        "source_url": SOURCE,
        "license": "CC BY 2.0",
        "license_url": BY,
        "spdx": "CC-BY-2.0",
        "changes": None,
        "title": None,
        "page_url": None,
    }


def test_its_line_is_as_one_would_write_it():
    assert one().text == f"Photo by Chiara Marra ({SOURCE}), licensed under CC BY 2.0 ({BY})."
    assert str(one(changes="cropped to\n224 × 224")) == (
        f"Photo by Chiara Marra ({SOURCE}), licensed under CC BY 2.0 ({BY}). Changes: cropped to "
        "224 × 224."
    )


def test_with_title_and_page_known_the_line_begins_with_the_title_and_leads_to_the_page():
    made = one(
        changes="Cropped!", titles='The "Faro"', pages="https://www.flickr.com/photos/1@N00/2/"
    )
    assert (one().link, made.link) == (SOURCE, "https://www.flickr.com/photos/1@N00/2/")
    assert (made.title, made.page_url, made.source_url) == (
        'The "Faro"',
        "https://www.flickr.com/photos/1@N00/2/",
        SOURCE,
    )
    assert made.text == (
        '"The "Faro"" by Chiara Marra (https://www.flickr.com/photos/1@N00/2/), '
        f"licensed under CC BY 2.0 ({BY}). Changes: Cropped!"
    )


def test_a_withheld_name_is_credited_without_the_page_that_leads_to_it():
    made = one("name+withheld+at+the+creator%27s+request", pages="https://www.flickr.com/1@N00/2/")
    assert (made.creator, made.page_url) == ("name withheld at the creator's request", None)
    assert made.text.startswith(f"Photo by name withheld at the creator's request ({SOURCE}), ")


@pytest.mark.parametrize("username", ["", "+", None])
def test_a_creator_without_a_name_is_none_and_an_unknown_flickr_user_in_the_text(username):
    made = one(username)
    assert (made.creator, made.creator_username) == (None, username)
    assert made.text.startswith(f"Photo by unknown Flickr user ({SOURCE}), licensed")


def test_a_creator_may_be_called_unknown_flickr_user():
    assert one("unknown+Flickr+user").creator == "unknown Flickr user"


def test_the_text_of_a_credit_is_that_of_its_list():
    for made in (one(), one(None), one("%3Cb%3E", changes="cropped", titles="Faro")):
        batch = credit_batch(
            pa.array([HASH]),
            pa.array([made.creator_username], pa.string()),
            pa.array([made.title], pa.string()),
        )
        assert text_lines(batch, made.changes).to_pylist() == [made.text]


def test_the_repr_of_a_credit_is_short():
    assert repr(one()) == f"<Credit {HASH}: {one().text}>"


def test_the_html_of_a_credit_is_escaped():
    made = one("%3Cscript%3Ealert(1)%3C/script%3E", changes="<b>", titles='"><img src=x>')
    html = made._repr_html_()
    assert "<script" not in html
    assert "<img" not in html
    assert "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>" in html
    assert f'<a href="{BY}">CC BY 2.0</a>' in html
    assert "Changes: &lt;b&gt;." in html


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        ("red\x1b[31m", "red%1B[31m"),
        ("\u202egnp.exe", "%E2%80%AEgnp.exe"),
        ("line\nbreak", "line%0Abreak"),
        ("north+ridge", "north+ridge"),
        ("山田", "山田"),
    ],
)
def test_a_username_does_nothing_to_a_terminal_and_reads_the_same(raw, stored):
    made = one(raw)
    assert made.creator_username == stored
    assert readable(stored) == readable(raw) == made.creator


def test_a_credit_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        one().creator = "someone else"


def test_columns_are_fields():
    assert set(COLUMNS.names) < {field.name for field in dataclasses.fields(Credit)}


@pytest.mark.parametrize(
    "bad", ["", "DD571A41A015354D92A859F7EF31201", "../../etc/passwd0000", "dd571a41a015354", None]
)
def test_what_is_not_a_hash_is_refused(bad):
    with pytest.raises(
        AttributionError, match="hash: expected 16 to 32 lower-case hex characters, found"
    ):
        credit_batch(pa.array([HASH, bad]), pa.array(["a", "b"]))


def test_the_dataset_is_credited_with_its_own_licence():
    assert dataset_credit("v3") == (
        "PASS (Pictures without humAns for Self-Supervision), release v3 (2022-04-07), by Yuki M. "
        "Asano, Christian Rupprecht, Andrew Zisserman and Andrea Vedaldi "
        "(https://doi.org/10.5281/zenodo.6615455), licensed under CC BY 4.0 "
        "(https://creativecommons.org/licenses/by/4.0/)."
    )
    assert "release v2 (2021-10-14)" in dataset_credit()
    assert f'author = "{" and ".join(DATASET_AUTHORS)}"' in script.CITATION
    with pytest.raises(ReleaseError, match="expected one of v2, v3, found 'v9'"):
        dataset_credit("v9")
