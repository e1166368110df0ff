"""Names and titles as they are stored, and as people read them."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote_plus

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import HOSTILE, NAMELESS

from pass_utils._util.text import plain_line, readable, readable_all, tidy

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(("encoded", "text"), HOSTILE.items())
def test_a_name_reads_as_its_owner_wrote_it_without_what_cannot_be_seen(encoded, text):
    assert readable(encoded) == text


@pytest.mark.parametrize("encoded", [name for name in NAMELESS if name is not None])
def test_a_name_of_which_nothing_can_be_seen_is_empty(encoded):
    assert readable(encoded) == ""


def test_many_names_read_as_they_do_one_by_one():
    encoded = [*HOSTILE, *NAMELESS]
    assert readable_all(pa.array(encoded)).to_pylist() == [
        None if name is None else readable(name) for name in encoded
    ]
    assert readable_all(pa.array([], pa.string())).to_pylist() == []


def test_what_stands_for_spaces_is_a_space():
    spaces = [chr(code) for code in range(0x110000) if chr(code).isspace()]
    assert tidy(pa.array([f"a{space}b" for space in spaces])).to_pylist() == ["a b"] * len(spaces)


@given(st.lists(st.one_of(TEXT, TEXT.map(quote_plus)), max_size=5))
def test_whatever_was_typed_stays_one_name_on_one_line(encoded):
    read = readable_all(pa.array(encoded, pa.string())).to_pylist()
    assert read == [readable(name) for name in encoded]
    for text in read:
        assert text == " ".join(text.split())
        assert not {unicodedata.category(char) for char in text} & {"Cc", "Zl", "Zp"}
        assert not {unicodedata.bidirectional(char) for char in text} & {
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        }


@given(
    st.text(
        st.characters(
            categories=["L", "N", "P", "S"], exclude_characters="\u115f\u1160\u2800\u3164\uffa0"
        ),
        min_size=1,
    )
)
def test_what_can_be_seen_is_kept(text):
    assert readable(quote_plus(text)) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Not Found", "Not Found"),
        ("\x1b]0;evil\x07Not\x1b[31m Found\r\n", "]0;evilNot[31m Found"),
        ("a\u202ebc\u2066d\u200be\ud800f\x00g\x9bh", "abcdefgh"),
        ("漢字 é 😀\u3000x\u2028y", "漢字 é 😀 x y"),
        ("", ""),
        ("9" * 5000, "9" * 197 + "..."),
    ],
)
def test_plain_line_has_no_escapes_overrides_or_line_breaks(text, shown):
    assert plain_line(text) == shown
