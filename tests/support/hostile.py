"""Usernames that other people could have chosen, as PASS would store them, and how each reads."""

from __future__ import annotations

HOSTILE = {
    "<script>alert(1)</script>": "<script>alert(1)</script>",
    "%3C%2Fscript%3E%3Cscript%3Edocument.title%3D1%3C%2Fscript%3E": "</script><script>document.title=1</script>",  # noqa: E501
    "%22%3E%3Cimg+src%3Dx+onerror%3D%22document.title%3D1%22%3E": '"><img src=x onerror="document.title=1">',  # noqa: E501
    "%3C%21--+%3C%2Ftitle%3E%3C%2Fstyle%3E": "<!-- </title></style>",
    "%26lt%3Bb%26gt%3B+%26amp%3B+%26%2360%3B": "&lt;b&gt; &amp; &#60;",
    "O%27Brien+%22the+lens%22": 'O\'Brien "the lens"',
    "%2A%2Abold%2A%2A+_it_+%60code%60+~~gone~~": "**bold** _it_ `code` ~~gone~~",
    "%5Blink%5D%28javascript%3Aalert%281%29%29+%21%5Bi%5D%28x%29": "[link](javascript:alert(1)) ![i](x)",  # noqa: E501
    "%5B1%5D%3A+http%3A%2F%2Fexample.org+www.example.org": "[1]: http://example.org www.example.org",  # noqa: E501
    "someone%40example.org": "someone@example.org",
    "%5C%5Cback%5C%2A+%7C+table+%7C": "\\\\back\\* | table |",
    "%23+heading+%23+1.+item+-+item+%24x%24+%3Asmile%3A": "# heading # 1. item - item $x$ :smile:",
    "{{+7%2A7+}}{%25+raw+%25}": "{{ 7*7 }}{% raw %}",
    "line%0Abreak%0D%0Aand%09tab%0B%0C": "line break and tab",
    "line\nbreak\r\nraw": "line break raw",
    "para%E2%80%A9graph%E2%80%A8separator%C2%85": "para graph separator",
    "nul%00bell%07escape%1B%5B31mred%7F": "nulbellescape[31mred",
    "%E2%80%AEgnp.exe%E2%80%AC+%E2%81%A6iso%E2%81%A9": "gnp.exe iso",
    "%D8%B9%D9%84%D9%8A+%E2%80%8F%21": "علي !",
    "100%+%zz+%4": "100% %zz %4",
    "caf%E9+%C3%28+%FF": "caf\ufffd \ufffd( \ufffd",
    "%F0%9F%91%A9%E2%80%8D%F0%9F%8E%A8": "\U0001f469\u200d\U0001f3a8",
    "%E5%B1%B1%E7%94%B0": "山田",
    "=HYPERLINK(%22http%3A%2F%2Fexample.org%22%2C%22click%22)": '=HYPERLINK("http://example.org","click")',
    "@SUM(1%2C2)": "@SUM(1,2)",
    "%2B1-cmd%7C%27+%2FC+calc%27%21A0": "+1-cmd|' /C calc'!A0",
    "-2%2B3": "-2+3",
    "%EF%BC%9D1": "\uff1d1",
    "x" * 300: "x" * 300,
    "++two++spaces++": "two spaces",
    "soft%C2%ADhyphen%E1%A0%8E%E2%80%8B": "softhyphen",
    "%EF%BF%BE%EF%B7%90ok": "ok",
    "a%CD%8Fb%E3%85%A4c%E1%85%9F%E1%85%A0%EF%BE%A0%E1%9E%B4%E1%9E%B5%E1%A0%8B%E1%A0%8F": "abc",
    "%F3%A0%80%81tag%F3%A0%81%A7%F3%A0%81%BF%F3%A0%87%AF": "tag",
    "%F0%9F%8F%B4%F3%A0%81%A7%F3%A0%81%A2%F3%A0%81%A5%F3%A0%81%AE%F3%A0%81%A7%F3%A0%81%BF": (
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
    ),
    "%E2%A0%80braille%E2%A0%83": "\u2800braille\u2803",
}
NAMELESS = [
    "",
    "+",
    "%20%0A",
    "%00",
    "%E2%80%8D",
    "%E2%80%AE",
    "%E3%85%A4",
    "%E2%A0%80+%E2%A0%80",
    "%F3%A0%81%A7",
    None,
]


def raw_names() -> list[str | None]:
    """All of them."""
    return [*HOSTILE, *NAMELESS]


def read_names() -> list[str]:
    """How lists for people have them."""
    return [name or "unknown Flickr user" for name in known_names()]


def known_names() -> list[str | None]:
    """How credits have them: None where there is none."""
    return [*HOSTILE.values(), *[None] * len(NAMELESS)]
