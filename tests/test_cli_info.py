"""`pass-utils info`: what it says of which pictures."""

from __future__ import annotations

import json

from pass_utils.releases import dummy_folder


def test_info_describes_a_folder(run):
    done = run("info", dummy_folder("v3"), "--release", "v3", "--json")
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    assert told == {
        "release": "v3",
        "release_images": 1_439_588,
        "withdrawn": None,
        "images": 23,
        "image_bytes": told["image_bytes"],
        "creators": 8,
        "without_creator": told["without_creator"],
        "broken": 0,
        "with_date": 20,
        "with_location": 7,
        "width": {"min": 160, "lower": 375, "median": 500, "upper": 500, "max": 500},
        "height": {"min": 120, "lower": 333, "median": 375, "upper": 500, "max": 500},
        "landscape": 15,
        "portrait": 7,
        "square": 1,
        "year": {"min": 2004, "lower": 2005, "median": 2007, "upper": 2010, "max": 2012},
        "licenses": {"dataset": "CC-BY-4.0", "photos": "CC-BY-2.0"},
    }
    people = run("info", dummy_folder("v3"), "--release", "v3").out
    assert people.splitlines() == [
        "  images      23 of the 1,439,588 of release v3",
        "  landscape   15   65%",
        "  portrait     7   30%",
        "  square       1    4%",
        "  with date   20   87%",
        "  located      7   30%",
        "  creators     8",
        "  width       160 to 500 pixels, median 500, half 375 to 500",
        "  height      120 to 500 pixels, median 375, half 333 to 500",
        "  taken       2004 to 2012, median 2007, half 2005 to 2010",
        f"  size        {told['image_bytes'] / 1000:.1f} kB",
        "  licences    CC BY 4.0 (the dataset), CC BY 2.0 (each photo)",
    ]


def test_info_describes_the_images_that_keep_to_the_bounds(run, caplog):
    bounds = ("--min-side", "375", "--max-aspect", "1")
    told = json.loads(run("info", dummy_folder("v2"), *bounds, "--json").out)
    assert (told["images"], told["landscape"], told["portrait"], told["square"]) == (6, 0, 5, 1)
    assert told["width"] == {"min": 375, "lower": 375, "median": 375, "upper": 375, "max": 500}
    nothing = run("info", dummy_folder("v2"), "--min-side", "501")
    assert nothing.code == 0
    assert "images      0" in nothing.out
    assert "width       -" in nothing.out
    assert "the longest side 500 pixels" in caplog.text
    for wrong, code, match in (
        (("--min-side", "0"), 2, "0 is not in the range x>=1"),
        (
            ("--min-side", "9", "--max-side", "8"),
            1,
            "found min_side=9, max_side=8, which contradict each other",
        ),
    ):
        done = run("info", dummy_folder("v2"), *wrong)
        assert (done.code, done.out) == (code, "")
        assert match in done.err


def test_shards_are_chosen_as_people_write_them(run):
    done = run("info", dummy_folder("v2"), "--shards", "0,3-5", "--json")
    parts = [run("info", dummy_folder("v2"), "--shards", n, "--json") for n in (0, 3, 4, 5)]
    assert json.loads(done.out)["images"] == sum(json.loads(part.out)["images"] for part in parts)
    assert json.loads(done.out)["image_bytes"] == sum(
        json.loads(part.out)["image_bytes"] for part in parts
    )
