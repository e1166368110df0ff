"""Credit lists, read back by the programs that read such files."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import image_hash
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import raw_names, read_names

from pass_utils import dataset_credit, write_attribution
from pass_utils.attribution.credit import FIELDS, credit_batch, credit_records
from pass_utils.attribution.formats import FORMATS, find_format
from pass_utils.attribution.options import ListOptions
from pass_utils.attribution.order import ImageTable
from pass_utils.attribution.tables import json_strings
from pass_utils.attribution.texts import markdown
from pass_utils.cli.credits import credits as credits_command
from pass_utils.releases import RELEASES

html5lib = pytest.importorskip("html5lib")
markdown_it = pytest.importorskip("markdown_it")

RAW, READ = raw_names(), read_names()
HASHES = [image_hash(place) for place in range(len(RAW))]
CHANGES = 'cropped,\nthe *"best"* part\u202e'
ONE_LINE = st.text(
    st.characters(
        exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cn"], exclude_characters="\u00ad\ufeff"
    )
)


def batch(titles: bool = True) -> pa.RecordBatch:
    """A credit for each hostile name, which is also the title of the next picture."""
    given = {}
    if titles:
        given = {
            "titles": pa.array([None, *READ[:-1]], pa.string()),
            "pages": pa.array(
                [f"https://www.flickr.com/photos/1@N00/{n}/" for n in range(len(RAW))]
            ),
        }
    return credit_batch(pa.array(HASHES), pa.array(RAW, pa.string()), **given)


def written(form: str, batches=None, **options) -> bytes:
    file = io.BytesIO()
    FORMATS[form].write(
        batches or [batch().slice(0, 7), batch().slice(7)],
        ListOptions(RELEASES["v2"], **options),
        file,
    )
    return file.getvalue()


def expected(changes: str | None = None) -> list[dict]:
    return [vars(credit) for credit in credit_records(batch(), changes)]


def test_a_csv_reader_gets_every_field_back():
    text = written("csv", changes=CHANGES).decode()
    header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert header == list(FIELDS)
    assert rows == [
        ["" if row[name] is None else row[name] for name in FIELDS] for row in expected(CHANGES)
    ]
    assert text.startswith(
        "hash,creator,creator_username,source_url,license,license_url,spdx,changes,title,page_url\r\n"
    )
    assert text.count("\r\n") == len(RAW) + 1


def test_a_spreadsheet_safe_csv_has_no_formulas():
    data = written("csv", spreadsheet_safe=True, changes="=1+1")
    assert data.startswith(b"\xef\xbb\xbfhash,")
    plain = list(csv.DictReader(io.StringIO(written("csv", changes="=1+1").decode(), newline="")))
    safe = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    for before, after in zip(plain, safe, strict=True):
        for name in FIELDS:
            formula = before[name][:1] in tuple("=+-@\t\r\n\uff0b\uff0d\uff1d\uff20")
            assert after[name] == (f"'{before[name]}" if formula and before[name] else before[name])
    assert sum(row["creator"].startswith("'") for row in safe) == 5
    assert {row["changes"] for row in safe} == {"'=1+1"}


def test_a_json_reader_gets_every_field_back():
    lines = written("jsonl", changes=CHANGES).decode().split("\n")
    assert lines.pop() == ""
    assert [json.loads(line) for line in lines] == expected(CHANGES)
    assert list(json.loads(lines[0])) == list(FIELDS)


@given(st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"])))))
def test_any_text_is_json(texts):
    made = json_strings(pa.array(texts, pa.string()))
    made = [made] * len(texts) if isinstance(made, str) else made.to_pylist()
    assert [json.loads(text) for text in made] == texts


def test_a_parquet_reader_gets_every_field_back_and_the_dataset_s_credit(monkeypatch):
    monkeypatch.setattr("pass_utils.attribution.tables._GROUP_ROWS", 5)
    file = pq.ParquetFile(io.BytesIO(written("parquet", changes=CHANGES)))
    assert file.read().to_pylist() == expected(CHANGES)
    assert file.schema_arrow.metadata[b"dataset_credit"].decode() == dataset_credit("v2")
    assert file.num_row_groups == 2


def test_a_text_has_a_line_for_each_file_after_those_on_the_licences():
    lines = written("txt", changes=CHANGES).decode().split("\n")
    made = [credit.text for credit in credit_records(batch(), CHANGES)]
    assert lines == [
        dataset_credit("v2"),
        "Each photo is its photographer's, and licensed under CC BY 2.0 "
        "(https://creativecommons.org/licenses/by/2.0/).",
        "",
        *[f"{hash}.jpg: {line}" for hash, line in zip(HASHES, made, strict=True)],
        "",
    ]


def rendered(markdown: str, preset: str = "commonmark"):
    parser = markdown_it.MarkdownIt(preset)
    return html5lib.parse(parser.render(markdown), namespaceHTMLElements=False)


@pytest.mark.parametrize("preset", ["commonmark", "gfm-like"])
def test_a_markdown_renderer_gets_every_name_back(preset):
    if preset == "gfm-like":
        pytest.importorskip("linkify_it", reason="linkify-it-py is not installed")
    tree = rendered(written("md", changes=CHANGES).decode(), preset)
    items = tree.findall(".//li")
    assert len(items) == len(RAW)
    for item, row in zip(items, expected(CHANGES), strict=True):
        title = f'"{row["title"]}"' if row["title"] else "Photo"
        assert "".join(item.itertext()).strip() == (
            f'{row["hash"]}.jpg: {title} by {row["creator"] or "unknown Flickr user"}, licensed under CC BY 2.0. Changes: cropped, the *"best"* part.'  # noqa: E501
        )
        assert [link.get("href") for link in item.iter("a")] == [
            row["page_url"],
            "https://creativecommons.org/licenses/by/2.0/",
        ]
        assert {element.tag for element in item.iter()} <= {"li", "code", "a", "p"}


@given(ONE_LINE.map(lambda text: " ".join(text.split())).filter(bool))
def test_markdown_escapes_any_name(text):
    made = markdown(pa.array([text]))[0].as_py()
    tree = rendered(f"- by {made}, and\n")
    assert "".join(tree.find(".//li").itertext()).strip() == f"by {text}, and"
    tree = rendered(f"## {made} (1 photo)\n")
    assert "".join(tree.find(".//h2").itertext()) == f"{text} (1 photo)"


@pytest.mark.parametrize(
    ("form", "heading"),
    [("txt", r"^\n?(.*) \((\d+) photos?\)$"), ("md", r"^## (.*) \((\d+) photos?\)$")],
)
def test_grouped_lists_have_a_heading_for_each_creator(form, heading):
    pairs = pa.RecordBatch.from_arrays(
        [pa.array(HASHES[:3]), pa.array(["b", "a", "b"])], ["hash", "creator_username"]
    )
    made = ImageTable([pairs])
    batches = [
        pa.RecordBatch.from_arrays(
            [*credit.columns, part.column("images")], [*credit.schema.names, "images"]
        )
        for part in made.batches(made.by_creator())
        for credit in [credit_batch(part.column("hash"), part.column("creator_username"))]
    ]
    text = written(form, batches).decode()
    assert re.findall(heading, text, re.MULTILINE) == [("a", "1"), ("b", "2")]
    assert [text.index(HASHES[place]) for place in (1, 0, 2)] == sorted(
        text.index(hash) for hash in HASHES[:3]
    )


def test_a_markdown_list_says_photo_where_the_title_is_not_known():
    text = written("md", [batch(titles=False)]).decode()
    assert text.count("[Photo](<https://multimedia-commons") == len(RAW)


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "txt", "md"])
def test_a_list_of_no_images_is_complete(form):
    for batches in ([], [batch().slice(0, 0)]):
        file = io.BytesIO()
        FORMATS[form].write(batches, ListOptions(RELEASES["v2"]), file)
        assert len(file.getvalue()) > 0 or form == "jsonl"


def test_a_format_is_found_by_the_end_of_the_name_of_a_file():
    for form in FORMATS.values():
        name = f"C{form.suffix}" if form.suffix.startswith(".") else form.suffix
        assert find_format(Path(name)) is form
        assert find_format(Path(name.upper())) is form
        assert find_format(Path("C"), form.name) is form


def test_the_help_and_the_manual_name_every_format():
    help_text = " ".join((credits_command.help or "").split())
    docs = Path(__file__).parent.parent / "docs"
    pages = [(docs / name).read_text() for name in ("credit.md", "command-line.md")]
    docstring = write_attribution.__doc__ or ""
    for form in FORMATS.values():
        end = form.suffix
        for text in (help_text, *pages, docstring):
            assert end in text
        assert f"`{form.name}`" in docstring
        assert f"{end}` | `{form.name}` | {form.purpose} |" in pages[0]
