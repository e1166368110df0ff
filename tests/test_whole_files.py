"""A file that is there whole or not at all, and the pages beside it."""

from __future__ import annotations

import pytest

from pass_utils import AttributionError
from pass_utils.whole_files import whole_file


def tree(folder) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def write(path, text: str, pages: dict[str, str] | None = None) -> None:
    with whole_file(path, path.with_name("C_files")) as (file, folder):
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
    with pytest.raises(ZeroDivisionError), whole_file(tmp_path / "C.html", tmp_path / "C_files") as (file, folder):
        file.write(b"two")
        (folder / "A-1.html").write_text("b")
        raise ZeroDivisionError
    assert tree(tmp_path) == {"C.html": "one", "C_files/A-1.html": "a"}
    assert len(list(tmp_path.iterdir())) == 2


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
