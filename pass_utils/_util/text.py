"""Text as Flickr's users typed it and YFCC100M stores it in, text that people can read on one line
out.

Names and titles are form-encoded (`PaperBird+Photography%3C3`) and may hold anything. What is shown
has no line breaks, no control characters, and none that turn the direction of the text around it;
it is not yet escaped for any format.
"""

from __future__ import annotations

from urllib.parse import quote, unquote_plus

import pyarrow as pa
import pyarrow.compute as pc

_LINE_FEED = "\n|%0[aA]"
# Python's str.isspace
_SPACES = (
    r"[\t-\r\x1c- \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]+"
)
_HIDDEN = "".join(
    (
        r"[\x00-\x08\x0e-\x1b\x7f-\x{84}\x{86}-\x{9f}",  # controls, but those that are spaces
        # no width; but U+200C and U+200D, which join letters and emoji, stay
        r"\x{ad}\x{34f}\x{17b4}\x{17b5}\x{180b}-\x{180f}\x{200b}\x{2060}-\x{2065}\x{feff}",
        r"\x{115f}\x{1160}\x{3164}\x{ffa0}",  # blank letters of Hangul
        r"\x{e0000}-\x{e0fff}",  # tags, which make flags below, and variants
        # turn the direction; annotate
        r"\x{61c}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{206f}\x{fff9}-\x{fffb}",
        r"\x{fdd0}-\x{fdef}",  # here and below: for programs among themselves
        *(rf"\x{{{plane << 16 | 0xFFFE:x}}}\x{{{plane << 16 | 0xFFFF:x}}}" for plane in range(17)),
        "]",
    )
)
_FLAG = r"(\x{1f3f4}[\x{e0020}-\x{e007e}]+\x{e007f})"  # of a region, spelled in tags
_BLANK = "\u2800"  # of Braille, and counted among symbols
_ODD = "[^ -~]|  |^ | $"
_JOINERS = "\u200c\u200d"
_NOT_ASCII = "[^ -~]"
_VISIBLE = r"[\p{L}\p{N}\p{P}\p{S}]"


def readable(encoded: str) -> str:
    """The text of one name or title; empty when nothing of it can be seen.

    >>> readable("PaperBird+Photography%3C3")
    'PaperBird Photography<3'
    """
    text: str = readable_all(pa.array([encoded], pa.string()))[0].as_py()
    return text


def readable_all(encoded: pa.StringArray) -> pa.StringArray:
    """The text of many names or titles, null where one is; they are decoded in one go, as the lines
    of a long string.
    """
    if not len(encoded):
        return encoded
    lines = _decode(pc.fill_null(encoded, ""))
    if len(lines) > len(encoded):
        lines = _decode(pc.replace_substring_regex(pc.fill_null(encoded, ""), _LINE_FEED, "+"))
    return pc.if_else(
        pc.is_null(encoded), pa.scalar(None, pa.string()), tidy(pa.array(lines, pa.string()))
    )


def _decode(encoded: pa.StringArray) -> list[str]:
    return unquote_plus("\n".join(encoded.to_pylist()), errors="replace").split("\n")


def tidy(texts: pa.StringArray) -> pa.StringArray:
    """Texts without what cannot be seen, with single spaces between words; empty where nothing can
    be seen.
    """
    odd = pc.match_substring_regex(texts, _ODD)  # few are: the others are left as they are
    rare = texts.filter(odd)
    for pattern, replacement in ((_SPACES, " "), (f"{_FLAG}|{_HIDDEN}", r"\1"), ("  +", " ")):
        rare = pc.replace_substring_regex(rare, pattern, replacement)
    seen = pc.match_substring_regex(pc.replace_substring(rare, _BLANK, ""), _VISIBLE)
    rare = pc.if_else(seen, pc.utf8_trim(rare, " "), "")
    return pc.replace_with_mask(texts, odd, rare)


def encode_hidden(encoded: pa.StringArray) -> pa.StringArray:
    """Form-encoded names as they are, but that control characters and invisible ones which stand
    in them unencoded are percent-encoded, so that they read the same and do nothing to a terminal.

    >>> encode_hidden(pa.array(["north+ridge", "red\x1b[31m"])).to_pylist()
    ['north+ridge', 'red%1B[31m']
    """
    odd = pc.match_substring_regex(encoded, _NOT_ASCII)  # few are: the others are left as they are
    rare = [
        "".join(char if char.isprintable() or char in _JOINERS else quote(char) for char in text)
        for text in encoded.filter(odd).to_pylist()
    ]
    return pc.replace_with_mask(encoded, odd, pa.array(rare, pa.string()))


def one_line(text: str) -> str:
    """A text without what cannot be seen, on one line; empty when nothing of it can be seen."""
    line: str = tidy(pa.array([text], pa.string()))[0].as_py()
    return line


def sentence(text: str) -> str:
    """A user's words on one line, with a full stop.

    >>> sentence("cropped to\\n224 x 224")
    'cropped to 224 x 224.'
    """
    line = one_line(text)
    return line if line.endswith((".", "!", "?")) else f"{line}."


def plain_line(text: str, *, limit: int = 200) -> str:
    r"""Returns other people's text as one line that is safe in a message or on a terminal.

    Control characters (terminal escapes), bidirectional overrides, invisible characters and lone
    surrogates are dropped, runs of whitespace become a space.

    Args:
        text: a header of a server, the name of a tar's member, ...
        limit: characters after which the text is cut, with "..." at its end.

    >>> plain_line("Not\x1b[2J Found\n\u202eevil")
    'Not[2J Found evil'
    """
    line = " ".join(text[: 4 * limit].split())
    line = "".join(character for character in line if character.isprintable())
    return line if len(line) <= limit and len(text) <= 4 * limit else f"{line[: limit - 3]}..."


def percent(count: int, total: int) -> str:
    """A share as people say it.

    >>> percent(1, 3), percent(1, 10_000), percent(9_999, 10_000)
    ('33%', 'less than 1%', 'more than 99%')
    """
    part = count / max(total, 1)
    if 0 < part < 0.01:
        return "less than 1%"
    return "more than 99%" if 0.99 < part < 1 else f"{part:.0%}"
