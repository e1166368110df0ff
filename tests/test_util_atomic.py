"""A file that is there whole or not at all."""

from __future__ import annotations

import pytest

from pass_utils._util.atomic import part_beside, whole_file


def test_a_file_takes_its_name_when_the_block_ends(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with whole_file(path) as part:
        part.write_text("after")
        assert (path.read_text(), part.parent) == ("before", tmp_path)
    assert path.read_text() == "after"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_what_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), whole_file(path) as part:
        part.write_text("after")
        raise ZeroDivisionError
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("name", ["a.txt", "x" * 255, "é" * 127])
def test_parts_fit_where_the_file_does_and_are_never_the_same(tmp_path, name):
    parts = {part_beside(tmp_path / name) for _ in range(3)}
    for part in parts:
        part.touch()
    assert len(list(tmp_path.iterdir())) == 3
