"""A file that is there whole or not at all, and the pages beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pass_utils import AttributionError
from pass_utils.attribution.files import whole_list


def tree(folder) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def write(path, text: str, pages: dict[str, str] | None = None) -> None:
    with whole_list(path, path.with_name("C_files")) as (file, folder):
        file.write(text.encode())
        for name, content in (pages or {}).items():
            (folder / name).write_text(content)


def test_file_and_pages_are_there_together(tmp_path):
    write(tmp_path / "C.html", "one", {"A-1.html": "a"})
    assert tree(tmp_path) == {"C.html": "one", "C_files/A-1.html": "a"}


def test_new_pages_take_the_place_of_old_ones(tmp_path):
    write(tmp_path / "C.html", "one", {"A-1.html": "a", "B-1.html": "b"})
    write(tmp_path / "C.html", "two", {"A-1.html": "c"})
    assert tree(tmp_path) == {"C.html": "two", "C_files/A-1.html": "c"}
    write(tmp_path / "C.html", "three")
    assert tree(tmp_path) == {"C.html": "three"}
    assert [path.name for path in tmp_path.iterdir()] == ["C.html"]


def test_when_something_goes_wrong_all_stays_as_it_was(tmp_path):
    write(tmp_path / "C.html", "one", {"A-1.html": "a"})
    with (
        pytest.raises(ZeroDivisionError),
        whole_list(tmp_path / "C.html", tmp_path / "C_files") as (file, folder),
    ):
        file.write(b"two")
        (folder / "A-1.html").write_text("b")
        raise ZeroDivisionError
    assert tree(tmp_path) == {"C.html": "one", "C_files/A-1.html": "a"}
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("failing", [1, 2, 3])
@pytest.mark.parametrize("before", [{"A-1.html": "a"}, None])
def test_when_a_name_cannot_be_taken_the_old_pages_are_there_again(
    tmp_path, monkeypatch, failing, before
):
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
        assert tree(tmp_path) == {"C.html": "two", "C_files/B-1.html": "b"}
        return
    with pytest.raises(AttributionError, match="expected to write it, found: .*no"):
        write(tmp_path / "C.html", "two", {"B-1.html": "b"})
    assert tree(tmp_path) == there
    assert not list(tmp_path.glob("*.part"))


def test_a_folder_is_no_place_for_a_file(tmp_path):
    (tmp_path / "C.html").mkdir()
    with pytest.raises(AttributionError, match="expected the name of a file, found a folder"):
        write(tmp_path / "C.html", "one", {"A-1.html": "a"})
    assert [path.name for path in tmp_path.iterdir()] == ["C.html"]


def test_what_is_no_file_is_left_alone(tmp_path):
    """As /dev/null would be, which root may replace."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(
        AttributionError, match="pipe: expected the name of a file, found a device or a pipe"
    ):
        write(tmp_path / "pipe", "one")
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("before", ["one", None])
def test_a_link_stays_one_and_what_it_leads_to_is_written(tmp_path, before):
    (tmp_path / "there").mkdir()
    link, target = tmp_path / "C.csv", tmp_path / "there" / "C.csv"
    link.symlink_to(target)
    if before is not None:
        write(target, before)
    with whole_list(link) as (file, _):
        file.write(b"two")
    assert link.is_symlink()
    assert tree(tmp_path / "there") == {"C.csv": "two"}


def test_a_name_may_be_as_long_as_the_file_system_lets_it(tmp_path):
    write(tmp_path / ("x" * 250 + ".html"), "one")
    assert tree(tmp_path) == {"x" * 250 + ".html": "one"}
    write(tmp_path / ("é" * 127), "two")
    with pytest.raises(AttributionError, match="expected to write it, found: .*File name too long"):
        write(tmp_path / ("x" * 251 + ".html"), "one")
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", ["chapter-1.html", "a-1.html", "A-01.html", "0-1.html", "A-1.htm"])
def test_pages_of_other_people_are_no_pages_of_ours(tmp_path, name):
    (tmp_path / "C_files").mkdir()
    (tmp_path / "C_files" / name).write_text("precious")
    with pytest.raises(AttributionError, match=f"C_files: expected none, .*found {name}"):
        write(tmp_path / "C.html", "one")
    assert tree(tmp_path) == {f"C_files/{name}": "precious"}


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "C_files").mkdir()
    (tmp_path / "C_files" / "thesis.txt").write_text("precious")
    with pytest.raises(AttributionError, match=r"C_files: expected none, .*found thesis.txt"):
        write(tmp_path / "C.html", "one", {"A-1.html": "a"})
    assert tree(tmp_path) == {"C_files/thesis.txt": "precious"}
    (tmp_path / "D").mkdir()
    (tmp_path / "C_files" / "thesis.txt").rename(tmp_path / "thesis.txt")
    (tmp_path / "C_files").rmdir()
    (tmp_path / "thesis.txt").rename(tmp_path / "C_files")
    with pytest.raises(AttributionError, match=r"found a file"):
        write(tmp_path / "C.html", "one")
