"""`atomic_output`: a file and its folder of pages, complete or unchanged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pass_utils import AttributionError
from pass_utils.pages.output import atomic_output


def tree(folder) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def write(path, text: str, pages: dict[str, str] | None = None) -> None:
    with atomic_output(path, pages=True, error=AttributionError) as (file, folder):
        file.write(text.encode())
        for name, content in (pages or {}).items():
            (folder / name).write_text(content)


def test_atomic_output_writes_file_and_pages_together(tmp_path):
    write(tmp_path / "C.html", "one", {"A-1.html": "a"})
    assert tree(tmp_path) == {"C.html": "one", "C.html_files/A-1.html": "a"}


def test_atomic_output_replaces_the_pages_of_an_earlier_time(tmp_path):
    write(tmp_path / "C.html", "one", {"A-1.html": "a", "B-1.html": "b"})
    write(tmp_path / "C.html", "two", {"A-1.html": "c"})
    assert tree(tmp_path) == {"C.html": "two", "C.html_files/A-1.html": "c"}
    write(tmp_path / "C.html", "three")
    assert tree(tmp_path) == {"C.html": "three"}
    assert [path.name for path in tmp_path.iterdir()] == ["C.html"]


def test_atomic_output_changes_nothing_when_the_block_fails(tmp_path):
    write(tmp_path / "C.html", "one", {"A-1.html": "a"})
    with (
        pytest.raises(ZeroDivisionError),
        atomic_output(tmp_path / "C.html", pages=True, error=AttributionError) as (file, folder),
    ):
        file.write(b"two")
        (folder / "A-1.html").write_text("b")
        raise ZeroDivisionError
    assert tree(tmp_path) == {"C.html": "one", "C.html_files/A-1.html": "a"}
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("failing", [1, 2, 3])
@pytest.mark.parametrize("before", [{"A-1.html": "a"}, None])
def test_atomic_output_rolls_back_when_a_rename_fails(tmp_path, monkeypatch, failing, before):
    write(tmp_path / "C.html", "one", before)
    there = tree(tmp_path)
    replace, calls = Path.replace, []

    def fail_once(self, target):
        calls.append(target)
        if len(calls) == failing:
            raise PermissionError(13, "no")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail_once)
    if failing == 3 and before is None:
        write(tmp_path / "C.html", "two", {"B-1.html": "b"})  # two names are all that it takes
        assert tree(tmp_path) == {"C.html": "two", "C.html_files/B-1.html": "b"}
        return
    with pytest.raises(AttributionError, match="expected to write it, found: .*no"):
        write(tmp_path / "C.html", "two", {"B-1.html": "b"})
    assert tree(tmp_path) == there
    assert not list(tmp_path.glob("*.part"))


def test_atomic_output_refuses_the_name_of_a_folder(tmp_path):
    (tmp_path / "C.html").mkdir()
    with pytest.raises(AttributionError, match="expected the name of a file, found a folder"):
        write(tmp_path / "C.html", "one", {"A-1.html": "a"})
    assert [path.name for path in tmp_path.iterdir()] == ["C.html"]


def test_atomic_output_refuses_a_pipe(tmp_path):
    """As /dev/null would be, which root may replace."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(
        AttributionError, match="pipe: expected the name of a file, found a device or a pipe"
    ):
        write(tmp_path / "pipe", "one")
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("pages", [True, False])
def test_a_symbolic_link_is_replaced_and_not_followed(tmp_path, pages):
    (tmp_path / "there").mkdir()
    link, target = tmp_path / "C.csv", tmp_path / "there" / "C.csv"
    target.write_text("precious")
    link.symlink_to(target)
    with atomic_output(link, pages=pages, error=AttributionError) as (file, _):
        file.write(b"two")
    assert tree(tmp_path) == {"C.csv": "two", "there/C.csv": "precious"}
    assert not link.is_symlink()


@pytest.mark.parametrize("link_is", ["folder", "page"])
def test_links_in_place_of_pages_are_left_alone(tmp_path, link_is):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "credits-1.html").write_text("precious")
    if link_is == "folder":
        (tmp_path / "C.html_files").symlink_to(tmp_path / "there")
    else:
        (tmp_path / "C.html_files").mkdir()
        (tmp_path / "C.html_files" / "credits-1.html").symlink_to(
            tmp_path / "there" / "credits-1.html"
        )
    with pytest.raises(AttributionError, match="expected none, or the pages of an earlier list"):
        write(tmp_path / "C.html", "one", {"credits-1.html": "a"})
    assert (tmp_path / "there" / "credits-1.html").read_text() == "precious"
    assert not (tmp_path / "C.html").exists()


def test_a_file_name_may_be_as_long_as_the_file_system_allows(tmp_path):
    with atomic_output(tmp_path / ("x" * 251 + ".csv"), error=AttributionError) as (file, _):
        file.write(b"one")
    assert tree(tmp_path) == {"x" * 251 + ".csv": "one"}
    write(tmp_path / ("é" * 124), "two")
    with pytest.raises(AttributionError, match="expected to write it, found: .*File name too long"):
        write(tmp_path / ("x" * 251 + ".html"), "one")
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "name", ["chapter-1.html", "a-1.html", "A-01.html", "0-1.html", "A-1.htm", "page-1.html"]
)
def test_files_that_are_not_our_pages_are_left_alone(tmp_path, name):
    (tmp_path / "C.html_files").mkdir()
    (tmp_path / "C.html_files" / name).write_text("precious")
    with pytest.raises(AttributionError, match=f"C.html_files: expected none, .*found {name}"):
        write(tmp_path / "C.html", "one")
    assert tree(tmp_path) == {f"C.html_files/{name}": "precious"}


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "C.html_files").mkdir()
    (tmp_path / "C.html_files" / "thesis.txt").write_text("precious")
    with pytest.raises(AttributionError, match=r"C.html_files: expected none, .*found thesis.txt"):
        write(tmp_path / "C.html", "one", {"A-1.html": "a"})
    assert tree(tmp_path) == {"C.html_files/thesis.txt": "precious"}
    (tmp_path / "D").mkdir()
    (tmp_path / "C.html_files" / "thesis.txt").rename(tmp_path / "thesis.txt")
    (tmp_path / "C.html_files").rmdir()
    (tmp_path / "thesis.txt").rename(tmp_path / "C.html_files")
    with pytest.raises(AttributionError, match=r"found a file"):
        write(tmp_path / "C.html", "one")
