"""Walking a tar with many cursors gives what a single one gives: members, order and errors."""

from __future__ import annotations

import contextlib
import threading

import numpy as np
import pytest
from conftest import image_hash
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tars import MemoryShard, make_header, make_tar
from test_shards_tar import (
    CUT_SHORT,
    END,
    FORMATS,
    HEAD,
    HOLLOW,
    NESTED,
    NO_TARS,
    SOUND,
    UNSUPPORTED,
    around,
    attempt,
    between,
    blocks,
    examples,
    tars,
)

from pass_utils import ShardError
from pass_utils.shards import reads, walk
from pass_utils.shards.images import list_images, walk_images
from pass_utils.shards.reads import ManyReads
from pass_utils.shards.walk import Member, Members, walk_members


@contextlib.contextmanager
def many(cursors):
    """Walk even the shortest tar with so many cursors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk, "CURSORS", cursors)
        patch.setattr(walk, "SHORTEST", 512)
        yield


def walked(data):
    """The members that a walk finds, and the error."""
    found, error = [], None
    try:
        for part in walk_members(MemoryShard(data)):
            if isinstance(part, Members):
                names = [name.decode("utf-8", "surrogateescape") for name in part.names.tolist()]
                found += map(Member, names, part.offsets.tolist(), part.sizes.tolist())
            else:
                found.append(part)
    except ShardError as err:
        error = err
    return found, error


def check(data, cursors=(1, 2, 3, 7, 50, 1000)):
    """Any number of cursors finds what one finds that reads header after header."""
    (members,), (error,) = attempt(data, [])
    for count in cursors:
        with many(count):
            found, failed = walked(data)
        assert found == members, count
        assert (str(failed), failed and failed.offset) == (str(error), error and error.offset)


@pytest.mark.parametrize("form", FORMATS)
def test_any_number_of_cursors_finds_the_members_of_any_tar(form):
    @examples
    @given(tars([form]), st.integers(1, 60))
    def holds(data, cursors):
        check(data, [cursors])

    holds()


@pytest.mark.parametrize("tail", [b"", b"\xff\xd9"], ids=["at its end", "within"])
@pytest.mark.parametrize("inner", [*HOLLOW.values(), *NESTED.values()], ids=[*HOLLOW, *NESTED])
def test_cursors_that_begin_in_a_tar_within_an_image_add_no_member(inner, tail):
    data, expected = around(HEAD + inner + tail, inner)
    with many(500):
        assert [member.name for member in walked(data)[0]] == expected
    check(data)


def test_a_cursor_that_begins_in_an_image_leads_to_no_member_that_is_none():
    """The headers in the image lead exactly to a later header of the shard, or past one."""
    plain = [(f"m{n}.jpg", bytes([65 + n]) * 500) for n in range(20)]
    for skipped in range(6):
        for rest in (0, 512):
            image = HEAD + make_header(b"PASS_dataset/9/a.jpg", 1024 * skipped + rest) + HEAD
            check(make_tar([*plain[:10], ("image.jpg", image), *plain[10:]]))


@pytest.mark.parametrize("data", [data for data, _ in NO_TARS.values()], ids=NO_TARS)
def test_what_is_no_tar_is_refused_by_any_number_of_cursors(data):
    check(data)


@pytest.mark.parametrize("blocks", [blocks for blocks, _ in UNSUPPORTED.values()], ids=UNSUPPORTED)
def test_what_is_not_stored_as_its_bytes_is_refused_by_any_number_of_cursors(blocks):
    check(between(blocks))


@pytest.mark.parametrize("length", [length for length, *_ in CUT_SHORT.values()], ids=CUT_SHORT)
def test_a_tar_cut_short_is_reported_by_any_number_of_cursors(length):
    check(SOUND[:length])


@pytest.mark.parametrize("more", [b"", bytes(5000), bytes(12_000), b"more", SOUND])
def test_the_end_of_the_tar_is_checked_by_any_number_of_cursors(more):
    check(SOUND + more)


@examples
@given(st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), max_size=6))
def test_changed_bytes_give_the_same_members_and_the_same_error(changes):
    data = bytearray(SOUND)
    for at, value in changes:
        data[at] = value
    check(bytes(data), [5, 40])


@examples
@given(st.integers(0, 511), st.integers(0, 255), st.sampled_from([1536, 3072]))
def test_a_changed_byte_of_a_header_gives_the_same_member_or_the_same_error(at, value, header):
    data = bytearray(make_tar([("a.jpg", b"a" * 600), ("b.jpg", b"b"), ("c.jpg", b"c" * 800)]))
    data[header + at] = value
    field = slice(header + 148, header + 156)
    check(bytes(data), [9])
    data[field] = b" " * 8  # with the checksum right, what the byte means is what counts
    data[field] = b"%06o\0 " % sum(data[header : header + 512])
    check(bytes(data), [9])


@pytest.mark.slow
@settings(examples, max_examples=150)
@given(st.lists(blocks, max_size=24), st.booleans(), st.integers(1, 30))
def test_headers_in_any_order_give_the_same_members_and_errors(made, ended, cursors):
    check(b"".join(made) + (END if ended else b""), [cursors])


def test_many_cursors_read_the_headers_in_few_steps():
    data = make_tar([(f"{image_hash(n)}.jpg", b"x" * 4000) for n in range(400)])
    steps = []
    with many(50):
        list(walk_members(MemoryShard(data), progress=lambda *step: steps.append(step)))
    assert len(steps) < 14
    assert sum(headers for headers, _ in steps) == 401  # and the end of the tar
    assert sum(size for _, size in steps) == 400 * (512 + 4096)


def test_a_cursor_begins_where_a_range_holds_a_header_and_nowhere_else(monkeypatch):
    monkeypatch.setattr(walk, "_WINDOW", 1024)
    monkeypatch.setattr(walk, "_WINDOWS", 3)
    check(make_tar([("a.jpg", b"a" * 700), ("large.jpg", b"Z" * 50_000), ("c.jpg", b"c")]))


# Images


def images(data):
    """The images of a shard by one cursor and by many, and the errors."""
    found = []
    for read in (
        list_images,
        lambda source: (image for part in walk_images(source) for image in part.rows()),
    ):
        listed, error = [], None
        try:
            for image in read(MemoryShard(data)):
                listed.append(image)
        except ShardError as err:
            error = str(err)
        found.append((listed, error))
    return found


HASHES = [image_hash(n) for n in range(20)]
NAMES = [
    "PASS_dataset/0/{}.jpg",
    "{}.jpg",
    "a/b/c/d/{}.jpg",
    "PASS_dataset/0/._{}.jpg",
    "PASS_dataset/0/.hidden",
    "PASS_dataset/0/{}.jpg/",
    "/{}.jpg",
    "PASS_dataset/0/{}.JPG",
    "PASS_dataset/0/x{}.jpg",
    "PASS_dataset/0/{}.jpg.part",
    "0123456789abcdef.jpg",
    "0123456789abcde.jpg",
    "0123456789abcdef0123456789abcdef0.jpg",
    "PASS_dataset\n/{}.jpg",
    "é/{}.jpg",
    ".jpg",
    "a",
    "PASS_dataset/{}/.jpg",
]


@pytest.mark.parametrize("name", NAMES)
def test_the_images_of_a_walk_are_those_of_a_list_whatever_their_names(name):
    files = [(f"PASS_dataset/1/{hash}.jpg", hash.encode() * 30) for hash in HASHES[:9]]
    files[4:4] = [(name.format(HASHES[10]), b"x" * 700), (name.format(HASHES[11]), b"")]
    with many(30):
        listed, walked = images(make_tar(files))
    assert walked == listed
    assert len(listed[0]) >= 4


# Reads


class Slow(MemoryShard):
    """A shard whose reads report the thread that they ran in."""

    def __init__(self, data):
        super().__init__(data)
        self.threads = set()

    def read_at(self, offset, buffer):
        self.threads.add(threading.get_ident())
        return super().read_at(offset, buffer)


@pytest.mark.parametrize("slow", [0.0, 1e9], ids=["slow", "fast"])
def test_reads_run_in_threads_only_where_they_are_slow(monkeypatch, slow):
    monkeypatch.setattr(reads, "_SLOW", slow)
    source = Slow(bytes(range(256)) * 100)
    offsets = [n * 100 for n in range(200)]
    with ManyReads(source) as together:
        found = together.read(np.array(offsets), 7)
        again = together.read(np.array(offsets), 7)
    assert [row.tobytes() for row in found] == [source.pread(at, 7) for at in offsets]
    assert (found == again).all()
    assert (len(source.threads) > 1) == (slow == 0.0)


def test_a_read_behind_the_end_gives_zeros():
    with ManyReads(MemoryShard(b"abcdef")) as together:
        found = together.read(np.array([0, 4, 6, 99]), 4)
    assert [row.tobytes() for row in found] == [b"abcd", b"ef\0\0", bytes(4), bytes(4)]
