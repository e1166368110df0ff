"""Atomic writes: a file is there, complete and on the disk, or it is not."""

from __future__ import annotations

import pytest

from pass_utils._util.atomic import atomic_write, temporary_sibling


def test_atomic_write_gives_the_file_its_name_when_the_block_ends(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with atomic_write(path) as part:
        part.write_text("after")
        assert (path.read_text(), part.parent) == ("before", tmp_path)
    assert path.read_text() == "after"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_atomic_write_leaves_what_was_there_when_the_block_fails(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as part:
        part.write_text("after")
        raise ZeroDivisionError
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("name", ["a.txt", "x" * 255, "é" * 127])
def test_temporary_siblings_fit_where_the_file_does_and_are_never_the_same(tmp_path, name):
    parts = {temporary_sibling(tmp_path / name) for _ in range(3)}
    for part in parts:
        part.touch()
    assert len(list(tmp_path.iterdir())) == 3
