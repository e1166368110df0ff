"""Recall and precision on labelled images, with Wilson's intervals."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
from drawn import plant
from measure import Share, main, measure
from PIL import Image


@pytest.mark.parametrize(("part", "total"), [(8, 10), (1, 3), (0, 10), (10, 10), (603, 10**6)])
def test_the_ends_of_an_interval_are_where_the_share_is_just_likely(part, total):
    """By Wilson's definition: as far from the share as 1.96 of their own standard deviations."""
    low, high = Share(part, total).interval()
    assert 0 <= low <= part / total <= high + 1e-12 <= 1 + 1e-12
    for end in (low, high):
        distance = 1.959964 * math.sqrt(end * (1 - end) / total)
        assert abs(part / total - end) == pytest.approx(distance, abs=1e-7)


def test_an_interval_of_no_image_is_everything():
    assert Share(0, 0).interval() == (0, 1)
    assert str(Share(0, 0)) == "-"
    assert str(Share(8, 10)) == "0.80 (0.49-0.94)"


def test_shares_are_counted_at_each_threshold():
    low, high = measure([0.9, 0.6, 0.2, 0.0], [0.7, 0.1], [0.5, 0.8])
    assert (low.recall, low.precision, low.false_positives) == ((2, 4), (2, 3), (1, 2))
    assert (high.recall, high.precision, high.false_positives) == ((1, 4), (1, 1), (0, 2))
    (none,) = measure([0.1], [0.1], [0.5])
    assert str(none.precision) == "-"


def write(path: Path, *faces: tuple[int, int, int]) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (300, 200), (120, 150, 90)).save(buffer, "JPEG")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(plant(buffer.getvalue(), *faces))


def test_a_labelled_folder_is_measured(tmp_path, capsys):
    for number in range(4):
        write(tmp_path / "person" / "some" / f"{number}.jpg", (20 + 30 * number, 40, 60))
        write(tmp_path / "no_person" / f"{number}.jpg")
    write(tmp_path / "person" / "missed.jpg")
    write(tmp_path / "no_person" / "found.jpg", (100, 40, 80))
    (tmp_path / "no_person" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    main([str(tmp_path), "--threshold", "0.5"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "faces: 5 images with a person, 5 without"
    assert lines[2].split("  ")[0] == "0.50"
    assert [each.strip() for each in lines[2][11:].replace(") ", ");").split(";")] == [
        "0.80 (0.38-0.96)",
        "0.80 (0.38-0.96)",
        "0.20 (0.04-0.62)",
    ]
    assert lines[3].endswith("no_person/broken.jpg")


def test_a_folder_without_labels_is_refused(tmp_path):
    write(tmp_path / "person" / "1.jpg", (100, 40, 80))
    with pytest.raises(SystemExit, match="found 1 in person, 0 in no_person"):
        main([str(tmp_path)])
