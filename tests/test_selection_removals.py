"""CSVs of removals: what they leave out, whom they leave unnamed, and what is wrong in them."""

from __future__ import annotations

import pytest

from pass_utils import SelectionError
from pass_utils.hashes import Keys
from pass_utils.selection.lists import read_hashes
from pass_utils.selection.record import Selection
from pass_utils.selection.removals import read_removals

A, B, C = "a" * 16, "b" * 20, "c" * 32


def texts(listed) -> list[str]:
    keys = listed.keys
    assert isinstance(keys, Keys)
    return sorted(keys.text().to_pylist())


@pytest.mark.parametrize(
    "text",
    [
        f"hash,action,reason\n{A},remove,no\n{B},withhold_name,\n",
        f'\ufeffreason;hash;action\r\n"a; ""b""\n";{A};remove\r\nx;{B}; withhold_name \r\n',
        f"hash\taction\treason\tday\n{A}\tremove\t\t1\n{B}\twithhold_name\t\t2\n{B}\tremove\t\t\n"
        f"{C}\twithhold_name\t\t\n",
    ],
)
def test_removals_are_read_and_what_is_removed_needs_no_name(text, tmp_path):
    path = tmp_path / "removals.csv"
    path.write_text(text, encoding="utf-8", newline="")
    images, names = read_removals(path)
    if C in text:
        assert (texts(images), texts(names)) == ([A, B], [C])
    else:
        assert (texts(images), texts(names)) == ([A], [B])


def test_removals_lists_and_hashes_are_taken_together(tmp_path):
    path, listed = tmp_path / "removals.csv", tmp_path / "list.txt"
    path.write_text(f"hash,action,reason\n{A},withhold_name,\n{B},withhold_name,\n")
    listed.write_text(f"{B}.jpg\n")
    images, names = read_removals([path, listed, C])
    assert (texts(images), texts(names)) == ([B, C], [A])
    assert images.digest == read_hashes([B, C]).digest


def test_a_selection_records_what_is_removed_and_whose_name_is_withheld(tmp_path):
    path = tmp_path / "removals.csv"
    path.write_text(f"hash,action,reason\n{A},remove,\n{B},withhold_name,\n{C},withhold_name,\n")
    made = Selection(exclude=path)
    names = read_hashes([B, C])
    assert made.words() == (
        f"not in a list of 1 hash ({read_hashes([A]).digest[:12]}); the creators of 2 images not "
        f"named ({names.digest[:12]})"
    )
    assert made.to_json() == {
        "exclude": {"count": 1, "sha256": read_hashes([A]).digest},
        "withhold_names": {"count": 2, "sha256": names.digest},
    }
    assert Selection.from_json(made.to_json()) == made
    assert made.command_options() == "--exclude FILE"
    assert made.digest != made.replace(withhold_names=None).digest
    assert made.by_metadata
    assert not made.is_subset
    path.write_text(f"hash,action,reason\n{B},withhold_name,\n")
    only = Selection(exclude=path)
    assert only.exclude is None
    assert only.command_options() == "--exclude FILE"
    assert only.by_metadata


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"hash,action\n{A},remove\n", "expected the columns hash, action, reason of removals"),
        (f"hash,reason\n{A},x\n", "found hash, reason; action missing"),
        ("action,reason\nremove,x\n", "found action, reason; hash missing"),
        (
            f"hash,action,reason\n{A},delete,\n",
            r"an action \(remove or withhold_name\), found 'del",
        ),
        (f"hash,action,reason\n{A},remove,\n{B},,\n", "found nothing in row 2 of removals"),
        ("hash,action,reason\nphoto,remove,\n", "expected a hash .*, found 'photo' in row 1"),
        (f"hash,action,reason\n{A},remove\n", "expected a CSV with the columns .*, found: CSV"),
    ],
)
def test_what_is_wrong_in_removals_is_named(text, message, tmp_path):
    path = tmp_path / "removals.csv"
    path.write_text(text)
    with pytest.raises(SelectionError, match=message) as raised:
        Selection(exclude=[path])
    assert raised.value.path == str(path)


def test_a_csv_of_removals_without_rows_removes_nothing(tmp_path):
    path = tmp_path / "removals.csv"
    path.write_text("hash,action,reason\n")
    images, names = read_removals(path)
    assert (len(images), len(names)) == (0, 0)
