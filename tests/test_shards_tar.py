"""Members of byte ranges of a tar: against tarfile, over any cuts, past images that hold tars, and
on damage.
"""

from __future__ import annotations

import gzip
import io
import os
import random
import tarfile
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from conftest import image_hash, jpeg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.tars import MemoryShard, make_header, make_tar, pad

from pass_utils import ShardError
from pass_utils.shards import source as sources
from pass_utils.shards import tar as shards
from pass_utils.shards.member import _pax_records, _sum
from pass_utils.shards.source import ShardFile
from pass_utils.shards.tar import Member, read_members

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
END = bytes(1024)
BIG = 1 << 20
CHECKSUM = range(
    148, 156
)  # of a header; some changes of its leading zeros and of what ends it mean nothing

examples = settings(
    deadline=None,
    max_examples=50,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture(params=[BIG, 4096, 512], ids="look-back {}".format)
def lookback(request, monkeypatch) -> int:
    """What a range reads before its start; with 512 it must mostly go back to the beginning of the
    tar.
    """
    monkeypatch.setattr(shards, "LOOKBACK", request.param)
    return request.param


def members(data: bytes, start: int = 0, end: int | None = None) -> list[Member]:
    return list(read_members(MemoryShard(data), start, end))


def names(data: bytes) -> list[str]:
    return [member.name for member in members(data)]


def pairs(size: int, cuts: Iterable[int]) -> list[tuple[int, int]]:
    """The consecutive ranges that these cuts make of a tar."""
    edges = [0, *sorted(cuts), size]
    return list(pairwise(edges))


def join(data: bytes, cuts: Iterable[int]) -> list[Member]:
    """What consecutive ranges yield together."""
    return [member for start, end in pairs(len(data), cuts) for member in members(data, start, end)]


def attempt(data: bytes, cuts: Iterable[int]) -> tuple[list[list[Member]], list[ShardError | None]]:
    """What each of the ranges yields, and how it fails."""
    yielded, errors = [], []
    for start, end in pairs(len(data), cuts):
        found: list[Member] = []
        error = None
        try:
            for member in read_members(MemoryShard(data), start, end):
                found.append(member)
        except ShardError as err:
            error = err
        yielded.append(found)
        errors.append(error)
    return yielded, errors


def check_every_cut(data: bytes) -> None:
    """Ranges over every cut in two, at a block and off it, and over many cuts at once, give the
    whole.
    """
    whole = members(data)
    for block in range(0, len(data), 512):
        for cut in (block, block + 1, block + 400):
            assert join(data, [cut]) == whole, cut
    for step in (512, 700, 1536, 4096):
        assert join(data, range(step, len(data), step)) == whole, step


# Against tarfile

letters = "ab0 ._'%=\\\n~äé漢😀\udce4"  # the last one is a byte that is no UTF-8
words = st.text(st.sampled_from(letters), min_size=1, max_size=60)
paths = st.lists(words, min_size=1, max_size=25).map(
    lambda parts: "/".join(parts)[:300].rstrip("/")
)
mac = st.tuples(paths, words).map(lambda parts: f"{parts[0][:200]}/._{parts[1]}")
sizes = st.one_of(st.sampled_from([0, 1, 511, 512, 513, 1024, 3000]), st.integers(0, 3000))
kinds = st.sampled_from(
    [tarfile.REGTYPE] * 6
    + [
        tarfile.AREGTYPE,
        tarfile.CONTTYPE,
        tarfile.DIRTYPE,
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.FIFOTYPE,
        tarfile.CHRTYPE,
    ]
)
pax_records = st.dictionaries(
    st.sampled_from(["comment", "SCHILY.xattr.user.a", "atime"]), words, max_size=2
)


@st.composite
def entries(draw: st.DrawFn) -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(draw(st.one_of(paths, mac)))
    entry.type = draw(kinds)
    if (
        entry.type == tarfile.AREGTYPE
    ):  # tarfile takes one for a folder when its name happens to be cut after a slash
        entry.name = entry.name[:20].rstrip("/")
    data = b""
    if entry.type in tarfile.REGULAR_TYPES:
        data = random.Random(draw(st.integers(0, 99))).randbytes(draw(sizes))
        entry.size = len(data)
    elif entry.type in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        entry.linkname = draw(paths)
    entry.uname, entry.gname = draw(words)[:8], draw(st.sampled_from(["", "wheel", "Jürgen"]))
    entry.uid = draw(st.sampled_from([0, 1000, 0o7777777]))
    entry.mtime = draw(st.sampled_from([0, 1_633_000_000, 1_633_000_000.25]))
    entry.pax_headers = draw(pax_records)
    return entry, data


class Tar(bytes):
    """Bytes that print as what they hold when a property fails."""

    def __repr__(self) -> str:
        return f"<tar of {len(self)} bytes: {listing(self)}>"


@st.composite
def tars(draw: st.DrawFn, formats: Sequence[str] = tuple(FORMATS), max_size: int = 12) -> bytes:
    buffer = io.BytesIO()
    chosen = draw(st.lists(entries(), min_size=1, max_size=max_size))
    general = draw(pax_records)
    with tarfile.open(
        fileobj=buffer,
        mode="w",
        format=FORMATS[draw(st.sampled_from(formats))],
        encoding="utf-8",
        errors="surrogateescape",
        pax_headers=general,
    ) as tar:
        for number, (entry, data) in enumerate(chosen):
            try:
                tar.addfile(entry, io.BytesIO(data))
            except ValueError:  # too long for ustar
                entry.name, entry.linkname = f"{entry.name[:9]}{number}", entry.linkname[:9]
                tar.addfile(entry, io.BytesIO(data))
    return Tar(buffer.getvalue())


def listing(data: bytes) -> list[tuple]:
    """What tarfile finds."""
    with tarfile.open(fileobj=io.BytesIO(data), encoding="utf-8", errors="surrogateescape") as tar:
        return [(m.name, m.offset_data, m.size, m.type, m.isreg(), m.isdir()) for m in tar]


def described(found: Iterable[Member]) -> list[tuple]:
    """Ours, put as tarfile puts it: it takes the slash off a folder's name."""
    return [
        (
            m.name.rstrip("/") if m.is_directory else m.name,
            m.offset,
            m.size,
            m.type,
            m.is_file,
            m.is_directory,
        )
        for m in found
    ]


def some_cuts(draw: st.DataObject, data: bytes) -> list[int]:
    """Any cuts, many of them at or beside a block."""
    beside = st.tuples(
        st.integers(0, len(data) // 512), st.sampled_from([-1, 0, 1, 256, 257, 262])
    ).map(lambda at: min(max(at[0] * 512 + at[1], 0), len(data)))
    return draw.draw(st.lists(st.one_of(st.integers(0, len(data)), beside), max_size=12))


@pytest.mark.parametrize("form", FORMATS)
def test_the_members_are_those_that_tarfile_lists(form):
    @examples
    @given(tars([form]))
    def check(data):
        assert described(members(data)) == listing(data)

    check()


@pytest.mark.parametrize("form", FORMATS)
def test_ranges_over_any_cuts_give_each_member_once_and_in_order(lookback, form):
    @settings(examples, max_examples=25)
    @given(tars([form]), st.data())
    def check(data, draw):
        assert join(data, some_cuts(draw, data)) == members(data)

    check()


@pytest.mark.parametrize("form", FORMATS)
def test_every_single_cut_of_a_tar_like_pass_gives_the_whole(lookback, form):
    files = [(f"PASS_dataset/3/{image_hash(n)}.jpg", jpeg(str(n)) * (n % 4)) for n in range(9)]
    files.insert(4, (f"PASS_dataset/3/{'ä' * 60}/._{image_hash(4)}.jpg", b"Mac OS X"))
    data = make_tar(files, format=FORMATS[form])
    assert names(data) == [name for name, _ in files]
    check_every_cut(data)


def test_the_bytes_at_a_members_place_are_the_files(tmp_path):
    files = [
        (f"PASS_dataset/0/{image_hash(n)}.jpg", random.Random(n).randbytes(n * 300))
        for n in range(8)
    ]
    path = tmp_path / "PASS.0.tar"
    path.write_bytes(make_tar(files))
    with ShardFile(path) as source:
        found = []
        for member in read_members(source):
            data = bytearray(member.size)
            source.readinto(member.offset, memoryview(data))
            assert source.pread(member.offset, member.size) == data
            found.append((member.name, bytes(data)))
    assert found == files


@pytest.mark.parametrize("form", FORMATS)
def test_a_range_reads_no_more_before_its_start_than_the_look_back(monkeypatch, form):
    monkeypatch.setattr(shards, "LOOKBACK", 4096)
    data = make_tar(
        [(f"PASS_dataset/0/{image_hash(n)}.jpg", bytes([n]) * 900) for n in range(60)],
        format=FORMATS[form],
    )
    for start in range(20_000, 60_000, 999):
        source = MemoryShard(data)
        assert list(read_members(source, start, start + 5000))
        assert min(offset for offset, _ in source.reads) == (start - 4096) // 512 * 512


def test_a_range_within_a_member_larger_than_the_look_back_yields_nothing(monkeypatch):
    monkeypatch.setattr(shards, "LOOKBACK", 4096)
    data = make_tar([("a", b"a" * 700), ("large", b"Z" * 20_000), ("c", b"c"), ("d", b"d")])
    assert members(data, 2100, 15_000) == []
    assert [member.name for member in members(data, 15_001, 30_000)] == ["c", "d"]
    check_every_cut(data)


def test_an_empty_range_and_one_past_the_end_yield_nothing(lookback):
    data = make_tar([("a", b"a" * 700), ("b", b"b")])
    for start, end in [
        (0, 0),
        (512, 512),
        (513, 513),
        (2048, 2048),
        (3000, 2000),
        (len(data), None),
        (len(data) + 9_999, None),
    ]:
        assert members(data, start, end) == []


def test_members_are_read_lazily():
    source = MemoryShard(make_tar([("a", b"a"), ("b", b"b")]))
    found = read_members(source)
    assert source.reads == []
    assert next(found) == Member("a", 512, 1)
    assert source.reads == [(0, 512)]


# Pictures that hold tars

INNER = [
    (f"PASS_dataset/9/{image_hash(n)}.jpg", bytes([n]) * size)
    for n, size in [(90, 300), (91, 700), (92, 5)]
]
OPEN = make_tar(INNER, end=False)
HEAD = b"\xff\xd8\xff\xfe".ljust(512, b"c")
HOLLOW = {
    "a whole tar": make_tar(INNER),
    "a tar without its end": OPEN,
    "a tar and its end alone": OPEN + END,
    "a tar and one block of zeros": OPEN + bytes(512),
    "a tar cut in a member": OPEN[:2048],
    "a tar cut after a header": OPEN[:1536],
    "a tar in a tar": make_tar([("PASS_dataset/9/a.tar", OPEN + END), *INNER], end=False) + END,
    "a tar in a tar, without ends": make_tar([*INNER, ("PASS_dataset/9/a.tar", OPEN)], end=False),
    "a pax tar": make_tar([("ä" * 120, b"x"), *INNER], format=tarfile.PAX_FORMAT, end=False),
    "a GNU tar": make_tar([("ä" * 120, b"x"), *INNER], format=tarfile.GNU_FORMAT, end=False),
    "a header": make_header(b"PASS_dataset/9/a.jpg"),
    "a header of a huge member": make_header(b"PASS_dataset/9/a.jpg", 0o77777777777),
    "a header larger than numbers": make_header(b"PASS_dataset/9/a.jpg", b"\x80" + b"\xff" * 11),
    "a header that leads back": make_header(b"PASS_dataset/9/a.jpg", b"-0000002000\0"),
    "a header that leads to itself": make_header(b"PASS_dataset/9/a.jpg", b"-0000001000\0"),
    "two headers, one of a huge member": make_header(b"a") + make_header(b"b", 0o77777777777),
    "a long name without a member": make_header(b"././@LongLink", 100, type=b"L") + pad(b"x" * 100),
    "a header of a sparse file": make_header(b"a", 0, type=b"S", fields={482: b"\1"})
    + b"\1" * 512
    + bytes(512),
    "a damaged header": b"x" + make_header(b"a.jpg")[1:],
}


def around(*images: bytes) -> tuple[bytes, list[str]]:
    """A shard with these images among plain ones, and the names of its files."""
    plain = iter(
        (f"PASS_dataset/1/{image_hash(n)}.jpg", bytes([65 + n % 26]) * (200 + 97 * n % 900))
        for n in range(99)
    )
    files = [next(plain) for _ in range(5)]
    for n, image in enumerate(images):
        files += [
            (f"PASS_dataset/1/{image_hash(50 + n)}.jpg", image),
            *(next(plain) for _ in range(4)),
        ]
    return make_tar(files), [name for name, _ in files]


@pytest.mark.parametrize(
    "lookback", [BIG, 12_288], indirect=True
)  # the images are smaller than both
@pytest.mark.parametrize("tail", [b"", b"\xff\xd9"], ids=["at its end", "within"])
@pytest.mark.parametrize("inner", HOLLOW.values(), ids=HOLLOW)
def test_a_image_that_holds_a_tar_yields_nothing_of_it(lookback, inner, tail):
    data, expected = around(HEAD + inner + tail)
    assert names(data) == expected
    check_every_cut(data)


def test_two_images_that_hold_tars_one_after_the_other_yield_nothing_of_them(monkeypatch):
    monkeypatch.setattr(shards, "LOOKBACK", 5120)
    short = make_tar(INNER[:2], end=False)
    data, expected = around(short, HEAD + short + END, short, HEAD + short, HEAD + short[:1024])
    assert names(data) == expected
    check_every_cut(data)


BULK = make_tar([(f"PASS_dataset/9/{image_hash(n)}.jpg", b"x" * 400) for n in range(90)], end=False)
NESTED = {  # tars without an end, so that their last member leads to the header after the image
    "all of it a tar": BULK,
    "a tar after other bytes": HEAD * 20 + BULK,
    "a tar of tars": make_tar([("PASS_dataset/9/a.tar", BULK)] * 3, end=False),
    "a pax tar": make_tar([(f"{n}" * 60 + "ä.jpg", b"x") for n in range(30)], format=2, end=False),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("inner", NESTED.values(), ids=NESTED)
def test_a_tar_in_an_image_larger_than_the_look_back_is_refused_by_ranges(monkeypatch, form, inner):
    monkeypatch.setattr(shards, "LOOKBACK", 4096)
    long = f"PASS_dataset/{'9' * 120}"
    files = [(f"{long}/{image_hash(n)}.jpg", bytes([65 + n]) * 700) for n in range(12)]
    name = f"{long}/image.jpg"
    data = make_tar([*files[:6], (name, inner), *files[6:]], format=FORMATS[form])
    assert names(data) == [name for name, _ in [*files[:6], (name, b""), *files[6:]]]
    outer = next(member for member in members(data) if member.name == name)
    for cut in range(512, len(data), 512):
        found = []
        with pytest.raises(ShardError, match="no tar inside of a member of more than") as info:
            for start, end in pairs(len(data), [cut]):
                found += members(data, start, end)
        assert "Open the shard without streaming, or with a range_size of at least" in str(
            info.value
        )
        assert outer.offset <= info.value.offset < outer.offset + outer.size
        assert found in ([], members(data)[: len(found)])


@settings(examples, max_examples=200)
@given(st.lists(entries(), min_size=1, max_size=9), st.booleans(), st.data())
def test_ranges_over_a_tar_in_an_image_of_any_size_give_the_whole_or_an_error(inside, ended, draw):
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer,
        mode="w",
        format=tarfile.PAX_FORMAT,
        encoding="utf-8",
        errors="surrogateescape",
    ) as tar:
        for entry, content in inside:
            tar.addfile(entry, io.BytesIO(content))
        length = tar.offset
    inner = buffer.getvalue() if ended else buffer.getvalue()[:length]
    plain = [(f"m{n}.jpg", bytes([65 + n]) * (n * 90)) for n in range(12)]
    before = HEAD * draw.draw(st.integers(0, 12))
    data = Tar(make_tar([*plain[:5], ("image.jpg", before + inner), *plain[5:]]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "LOOKBACK", draw.draw(st.sampled_from([512, 2560, 8192])))
        yielded, errors = attempt(data, some_cuts(draw, data))
    whole, found = members(data), []
    for part, error in zip(yielded, errors, strict=True):
        found += part
        if error is not None:
            assert found == whole[: len(found)]
            return
    assert found == whole


@pytest.mark.parametrize("skipped", range(6))
def test_a_header_in_a_image_that_leads_exactly_to_a_later_header_loses_no_member(
    monkeypatch, skipped
):
    monkeypatch.setattr(shards, "LOOKBACK", 4096)
    plain = [(f"m{n}.jpg", bytes([65 + n]) * 500) for n in range(20)]  # 1024 bytes each
    image = HEAD + make_header(b"PASS_dataset/9/a.jpg", 1024 * skipped + 512) + HEAD
    data = make_tar([*plain[:10], ("image.jpg", image), *plain[10:]])
    assert names(data) == [f"m{n}.jpg" for n in range(10)] + ["image.jpg"] + [
        f"m{n}.jpg" for n in range(10, 20)
    ]
    check_every_cut(data)


# Formats

PLAIN = make_tar([("before.jpg", b"b" * 600)], end=False), make_tar([("after.jpg", b"a" * 600)])


def between(blocks: bytes) -> bytes:
    """A tar with these blocks among its members; they begin at 1536."""
    return PLAIN[0] + blocks + PLAIN[1]


PAX_SPARSE = [b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n", b"30 GNU.sparse.map=0,100,900,1\n"]
UNSUPPORTED = {
    "an old GNU sparse file": (
        make_header(b"holes", 600, type=b"S", fields={257: b"ustar  \0", 483: b"00000010000\0"})
        + pad(b"s" * 600),
        "a sparse file, holes,",
    ),
    "a sparse file with more of its map": (
        make_header(b"holes", 600, type=b"S", fields={257: b"ustar  \0", 482: b"\1"})
        + bytes(512)
        + pad(b"s" * 600),
        "a sparse file, holes,",
    ),
    **{
        f"a sparse file of a pax tar, version {number}": (
            make_header(b"x", len(version), type=b"x")
            + pad(version)
            + make_header(b"GNUSparseFile.1/a.jpg", 101)
            + pad(b"s" * 101),
            "a sparse file, GNUSparseFile.1/a.jpg,",
        )
        for number, version in enumerate(PAX_SPARSE)
    },
    "a volume label": (make_header(b"My photos", type=b"V"), "a volume label, My photos,"),
    "a continued file": (
        make_header(b"a.jpg", 99, type=b"M") + pad(b"s" * 99),
        "a file continued from another volume, a.jpg,",
    ),
}


@pytest.mark.parametrize(("blocks", "found"), UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_a_member_that_is_not_stored_as_its_bytes_is_refused_by_name(lookback, blocks, found):
    data = between(blocks)
    for start in (0, 700, len(data) - 1000):
        with pytest.raises(ShardError, match=f"expected plain files, found {found} at ") as info:
            members(data, start)
        assert "Pack the files again with `tar --format=ustar`, without --sparse" in str(info.value)
        assert "Fetch it again" not in str(info.value)
        assert info.value.shard == "PASS.7.tar"


def test_a_member_says_what_it_is():
    kinds = {b"0": "a file", b"2": "a symbolic link", b"1": "a hard link", b"5": "a directory"}
    for flag, kind in kinds.items():
        assert Member("a", 512, 0, flag).kind == kind
    assert Member("a", 512, 0, b"Z").kind == "a member of type b'Z'"


def test_a_file_of_2_gib_is_refused_by_its_size():
    class Huge(MemoryShard):
        def __init__(self, data, size):
            super().__init__(data)
            self.size = size

    for size in (1 << 31, 1 << 40):
        header = make_header(b"a.jpg", b"\x80" + size.to_bytes(11, "big"))
        message = rf"images of less than 2,147,483,648 bytes, found a\.jpg of {size:,} bytes at 512"
        with pytest.raises(ShardError, match=message) as info:
            next(read_members(Huge(header, 512 + size)))
        assert info.value.offset == 512
    header = make_header(b"a.jpg", (1 << 31) - 1)
    assert next(read_members(Huge(header, 1 << 32))).size == (1 << 31) - 1


def test_a_size_in_base_256_is_read(lookback):
    data = between(make_header(b"gnu", b"\x80" + (600).to_bytes(11, "big")) + pad(b"g" * 600))
    assert members(data)[1] == Member("gnu", 2048, 600)
    assert described(members(data)) == listing(data)
    check_every_cut(data)


@pytest.mark.parametrize("block", [bytes(512), b"\xff" * 512, bytes(range(256)) * 2])
def test_the_sum_of_a_block_is_that_of_its_bytes(block):
    assert _sum(block) == sum(block)
    assert _sum(block[::-1]) == sum(block)


@pytest.mark.parametrize("field", [b"\0" * 12, b" " * 12, b"000000000000"])
def test_a_size_left_blank_is_zero(field):
    assert members(between(make_header(b"blank", field)))[1] == Member("blank", 2048, 0)


@pytest.mark.parametrize(
    "field",
    [
        b"-0000001000\0",
        b"+0000001000\0",
        b"0000_001000\0",
        b"0o000001000\0",
        b"00000008000\0",
        b"0000 001000\0",
    ]
    + [b"\xff" * 12, b"size unknown"],
    ids=repr,
)
def test_a_size_that_is_no_octal_number_is_damage(field):
    data = between(make_header(b"odd", field) + pad(b"o" * 512))
    with pytest.raises(
        ShardError, match=r"^PASS\.7\.tar: expected a tar header at byte 1,536, found a damaged one"
    ) as info:
        members(data)
    assert (info.value.shard, info.value.offset) == ("PASS.7.tar", 1536)


@pytest.mark.parametrize(
    "lookback", [BIG, 4096], indirect=True
)  # the member with its headers is smaller than both
@pytest.mark.parametrize("field", [0, 11, 1_000_000])
def test_the_size_of_a_pax_record_stands_over_the_headers(lookback, field):
    blocks = (
        make_header(b"x", 12, type=b"x")
        + pad(b"12 size=600\n")
        + make_header(b"pax", field)
        + pad(b"p" * 600)
    )
    assert members(between(blocks))[1] == Member("pax", 3072, 600)
    check_every_cut(between(blocks))


def test_the_path_of_a_pax_record_stands_over_the_headers():
    record = "23 path=ä=b\nc/漢.jpg\n".encode()
    data = between(make_header(b"x", 23, type=b"x") + pad(record) + make_header(b"short"))
    assert names(data) == ["before.jpg", "ä=b\nc/漢.jpg", "after.jpg"]
    assert described(members(data)) == listing(data)


@pytest.mark.parametrize("directory", [b"1", b"2", b"5", b"6"])
def test_the_size_field_of_a_member_without_data_is_not_a_length(lookback, directory):
    data = between(make_header(b"folder/", 5000, type=directory))
    assert members(data)[1] == Member("folder/", 2048, 0, directory)
    check_every_cut(data)


def test_a_pax_header_for_all_members_changes_no_member(lookback):
    blocks = make_header(b"pax_global_header", 19, type=b"g") + pad(b"19 comment=0a1b2c3d\n"[:19])
    for data in (between(blocks), blocks + PLAIN[1]):
        assert members(data)[-1].name == "after.jpg"
        assert described(members(data)) == listing(data)
        check_every_cut(data)


def test_an_old_directory_is_known_by_its_slash():
    (member,) = members(make_header(b"folder/", type=b"\0") + END)
    assert member.is_directory
    assert not Member("file", 512, 0, b"\0").is_directory


def test_what_gnu_keeps_in_the_prefix_is_no_folder():
    header = make_header(b"a.jpg", fields={257: b"ustar  \0", 345: b"14131211100\0"})
    assert names(header + END) == ["a.jpg"]
    assert names(make_header(b"a.jpg", fields={345: b"folder"}) + END) == ["folder/a.jpg"]


def test_a_tar_older_than_ustar_is_refused():
    old = make_header(b"a.jpg", fields={257: bytes(8)})
    for data, offset in ((old + END, 0), (between(old), 1536)):
        message = (
            rf"^PASS\.7\.tar: expected a header of the ustar format at byte {offset:,}, found "
            r"one of the older v7 format\. Pack the files again with `tar --format=ustar`\.$"
        )
        with pytest.raises(ShardError, match=message) as info:
            members(data)
        assert info.value.offset == offset


PAX_DAMAGE = {
    "no length": b"path=a\n",
    "no space": b"11path=abcd\n",
    "length zero": b"0 path=a\n",
    "length too small": b"3 path=a\n",
    "length to the space": b"2 path=a\n",
    "length too large": b"99 path=a\n",
    "length within the record": b"8 path=abc\n",
    "length beyond the header": b"512 path=a\n",
    "negative length": b"-9 path=a\n",
    "a length of 6000 digits": b"1" * 6000 + b" path=a\n",
    "no equals sign": b"9 path:a\n",
    "no new line": b"9 path=a;",
    "a second record of no length": b"9 path=a\n0 ",
    "negative size": b"11 size=-1\n",
    "no size": b"8 size=\n",
    "a size that is no number": b"12 size=0x1\n",
    "a size of other digits": "12 size=٣\n".encode(),
    "a size of 6000 digits": b"6011 size=" + b"9" * 6000 + b"\n",
}


@pytest.mark.parametrize("record", PAX_DAMAGE.values(), ids=PAX_DAMAGE)
def test_a_damaged_pax_record_is_refused(record):
    data = between(make_header(b"x", len(record), type=b"x") + pad(record) + make_header(b"a.jpg"))
    with pytest.raises(
        ShardError, match="expected a tar header at byte 1,536, found a damaged one"
    ) as info:
        members(data)
    assert (info.value.shard, info.value.offset) == ("PASS.7.tar", 1536)


def test_the_name_of_a_member_is_in_messages_without_escapes(monkeypatch):
    name = "\x1b[2Jimage\u202e.jpg".encode()
    with pytest.raises(ShardError, match=r"bytes of \[2Jimage\.jpg at 2,048, found the end"):
        members(between(make_header(name, 0o77777777777)))
    monkeypatch.setattr(shards, "LOOKBACK", 4096)
    data = between(make_header(name, len(BULK)) + pad(BULK))
    with pytest.raises(ShardError, match=r"found a header at byte .* in \[2Jimage\.jpg: "):
        members(data, 0, len(data) - 512)


def test_a_size_beyond_the_file_is_a_tar_cut_short():
    for header in (
        make_header(b"huge.jpg", 0o77777777777),
        make_header(b"huge.jpg", b"\x80" + b"\xff" * 11),
    ):
        with pytest.raises(
            ShardError,
            match=r"bytes of huge\.jpg at 2,048, found the end of the file at .*: the tar is cut "
            r"short\. Fetch it again\.$",
        ) as info:
            members(between(header))
        assert info.value.offset == 2048


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_an_extension_of_impossible_size_is_damage_and_is_not_read(kind):
    source = MemoryShard(between(make_header(b"ext", (1 << 20) + 1, type=kind)))
    with pytest.raises(ShardError, match="byte 1,536, found a damaged one"):
        list(read_members(source))
    assert max(size for _, size in source.reads) == 512


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_extensions_of_no_member_are_damage(kind):
    extension = make_header(b"ext", type=kind)
    with pytest.raises(ShardError, match="byte 2,048, found a damaged one"):
        members(PLAIN[0] + extension + END)
    assert members(PLAIN[0] + extension * 4 + PLAIN[1])[1].offset == 1536 + 4 * 512 + 512
    with pytest.raises(ShardError, match="found a damaged one"):
        members(PLAIN[0] + extension * 40 + PLAIN[1])


# Damage

SOUND = make_tar(
    [(f"PASS_dataset/1/{image_hash(n)}.jpg", bytes([n]) * (n * 131 % 1500)) for n in range(24)]
)
TRUE = members(SOUND)


@examples
@given(st.data(), st.sampled_from([BIG, 4096, 2560]))
def test_a_changed_byte_in_a_header_is_reported_whatever_the_cuts(draw, lookback):
    victim = draw.draw(st.integers(0, len(TRUE) - 1))
    header = TRUE[victim].offset - 512
    byte = draw.draw(st.integers(0, 511).filter(lambda at: at not in CHECKSUM))
    damaged = bytearray(SOUND)
    damaged[header + byte] ^= draw.draw(st.integers(1, 255))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "LOOKBACK", lookback)
        yielded, errors = attempt(bytes(damaged), some_cuts(draw, SOUND))
    first = next(number for number, error in enumerate(errors) if error)
    assert sum(yielded[: first + 1], []) == TRUE[:victim]
    assert set(sum(yielded, [])) <= set(TRUE)
    assert {(error.shard, error.offset) for error in errors if error} == {("PASS.7.tar", header)}
    found = (
        f" header at byte {header:,}, found a damaged one"
        if header
        else ", found a file that begins with "
    )
    assert all(
        str(error).startswith(f"PASS.7.tar: expected a tar{found}") for error in errors if error
    )


@pytest.mark.parametrize(
    "magic", [b"ustar", b"jfif!"], ids=["its checksum is wrong", "its magic is gone"]
)
def test_every_cut_reports_a_damaged_header(lookback, magic):
    victim = 12
    header = TRUE[victim].offset - 512
    damaged = (
        SOUND[:header] + b"?" + SOUND[header + 1 : header + 257] + magic + SOUND[header + 262 :]
    )
    for cut in range(0, len(SOUND), 256):
        yielded, errors = attempt(damaged, [cut])
        assert (yielded[0] + yielded[1])[:victim] == TRUE[:victim]
        assert set(sum(yielded, [])) <= set(TRUE)
        assert header in [error and error.offset for error in errors]
    for step in (512, 700, 1536, 4096):
        yielded, errors = attempt(damaged, range(step, len(SOUND), step))
        first = next(number for number, error in enumerate(errors) if error)
        assert sum(yielded[: first + 1], []) == TRUE[:victim]


def test_a_damaged_header_that_begins_a_range_is_reported_by_the_range_before_it(lookback):
    header = TRUE[9].offset - 512
    damaged = SOUND[:header] + b"?" + SOUND[header + 1 :]
    found = []
    with pytest.raises(
        ShardError, match=f"expected a tar header at byte {header:,}, found a damaged one"
    ) as info:
        for member in read_members(MemoryShard(damaged), 0, header):
            found.append(member)
    assert info.value.offset == header
    assert found == TRUE[:9]


@settings(examples, max_examples=100)
@given(st.integers(0, len(SOUND) - 1), st.integers(1, 255), st.data())
def test_a_changed_byte_anywhere_gives_the_members_or_an_error(at, change, draw):
    damaged = bytearray(SOUND)
    damaged[at] ^= change
    yielded, errors = attempt(bytes(damaged), some_cuts(draw, SOUND))
    assert any(errors) or sum(yielded, []) == TRUE
    assert set(sum(yielded, [])) <= set(TRUE)


@settings(examples, max_examples=100)
@given(tars(), st.data())
def test_changed_bytes_raise_no_other_error(data, draw):
    damaged = bytearray(data)
    for at, value in draw.draw(
        st.lists(
            st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), min_size=1, max_size=8
        )
    ):
        damaged[at] = value
    yielded, errors = attempt(bytes(damaged), some_cuts(draw, data))
    found = sum(yielded, [])
    assert all(0 < member.offset <= member.offset + member.size <= len(data) for member in found)
    if not any(errors):
        assert found == members(bytes(damaged))
    for error in filter(None, errors):
        assert error.shard == "PASS.7.tar"
        assert 0 <= error.offset <= len(data) + 1024


blocks = st.one_of(
    st.just(bytes(512)),
    st.just(bytes(504) + b"\1" + bytes(7)),
    st.sampled_from([*PAX_DAMAGE.values(), b"12 size=600\n", b"9 path=a\n"]).map(pad),
    st.builds(
        make_header,
        st.sampled_from([b"a", b"b/", b"\xff", b""]),
        st.one_of(
            st.integers(0, 6).map(lambda n: n * 512),
            st.integers(0, 1500),
            st.sampled_from(
                [b"-0000001000\0", b"\x80" + bytes(9) + b"\2\0", b"\xff" * 12, b"77777777777\0"]
            ),
        ),
        type=st.sampled_from(
            [b"0"] * 8 + [b"x", b"x", b"g", b"L", b"K", b"S", b"S", b"5", b"1", b"7", b"\0", b"Z"]
        ),
        fields=st.sampled_from(
            [{}, {}, {482: b"\1"}, {504: b"\1"}, {257: b"ustar  \0", 345: b"123"}, {156: b"\xff"}]
        ),
    ),
)


@pytest.mark.slow
@settings(examples, max_examples=200)
@given(st.lists(blocks, max_size=24), st.booleans(), st.data())
def test_headers_in_any_order_give_the_same_members_over_any_cuts_or_an_error(made, ended, draw):
    data = b"".join(made) + (END if ended else b"")
    (whole,), (error,) = attempt(data, [])
    yielded, errors = attempt(data, some_cuts(draw, data))
    if error is None:
        assert not any(errors)
        assert sum(yielded, []) == whole
    else:
        first = next(number for number, error in enumerate(errors) if error)
        assert sum(yielded[: first + 1], []) == whole


@pytest.mark.slow
@settings(examples, max_examples=200)
@given(st.lists(blocks, min_size=1, max_size=16), st.integers(0, 9), st.data())
def test_headers_in_any_order_give_no_member_when_a_image_holds_them(made, before, draw):
    plain = [(f"m{n}.jpg", bytes([65 + n]) * (n * 100)) for n in range(20)]
    image = HEAD + b"".join(made)
    data = make_tar([*plain[:before], ("image.jpg", image), *plain[before:]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "LOOKBACK", len(image) + 2048)
        assert [member.name for member in join(data, some_cuts(draw, data))] == names(data)
    assert len(names(data)) == 21


NO_TARS = {
    "a image": (
        jpeg("x") * 9,
        r"expected a tar, found a file that begins with b'\\xff\\xd8\\xff",
    ),
    "a page": (
        b"<!DOCTYPE html>\n<title>404</title>" * 90,
        r"found a file that begins with b'<!DOCTYPE html>\\n'",
    ),
    "a compressed tar": (gzip.compress(SOUND), r"found a file that begins with b'\\x1f\\x8b"),
    "a few bytes": (b"PASS", "found a file that begins with b'PASS'"),
    "an empty file": (b"", "expected a tar, found an empty file. Fetch it again"),
}


@pytest.mark.parametrize(("data", "message"), NO_TARS.values(), ids=NO_TARS)
def test_what_is_no_tar_is_refused_by_every_range(lookback, data, message):
    for start in {0, 1, 512, 700, len(data) // 2}:
        with pytest.raises(ShardError, match=message) as info:
            members(data, start)
        assert (info.value.shard, info.value.offset) == ("PASS.7.tar", 0)


@pytest.mark.parametrize("size", [1024, 10_240, 1_000_000])
def test_a_tar_without_members_is_refused(lookback, size):
    for start in (0, 512, size - 512):
        with pytest.raises(ShardError, match="a tar with members, found zeros") as info:
            members(bytes(size), start)
        assert info.value.offset == 0


def test_a_single_block_of_zeros_is_no_tar():
    with pytest.raises(
        ShardError, match="expected two end-of-archive blocks at 0, found one block of zeros"
    ):
        members(bytes(512))


LAST = TRUE[-1]
LENGTH = -(-(LAST.offset + LAST.size) // 512) * 512  # without the end-of-archive blocks
CUT_SHORT = {
    "in data": (
        LAST.offset + 7,
        LAST.offset,
        r"expected [\d,]+ bytes of PASS_dataset/1/\w+\.jpg at .*the tar is cut short",
    ),
    "in a header": (
        LAST.offset - 300,
        LAST.offset - 512,
        "expected a tar header at byte .*, found the end of the file at",
    ),
    "between members": (
        LAST.offset - 512,
        LAST.offset - 512,
        "expected a tar header at byte .*, found the end of the file",
    ),
    "in what fills the last block": (
        LENGTH - 1,
        LENGTH,
        "expected a tar header at byte .*, found the end of the file",
    ),
    "after the last member": (
        LENGTH,
        LENGTH,
        "expected a tar header at byte .*, found the end of the file at",
    ),
    "in the first block of zeros": (
        LENGTH + 99,
        LENGTH,
        "expected a tar header at byte .*, found the end of the file at",
    ),
    "after one block of zeros": (
        LENGTH + 512,
        LENGTH,
        "expected two end-of-archive blocks at .*, found one block of zeros",
    ),
    "in the second block of zeros": (
        LENGTH + 999,
        LENGTH,
        "expected two end-of-archive blocks at .*, found one block",
    ),
}


@pytest.mark.parametrize(("length", "offset", "message"), CUT_SHORT.values(), ids=CUT_SHORT)
def test_a_tar_cut_short_is_reported(lookback, length, offset, message):
    data = SOUND[:length]
    for cut in (0, 5000, offset - 600):
        with pytest.raises(ShardError, match=message) as info:
            members(data, cut)
        assert (info.value.shard, info.value.offset) == ("PASS.7.tar", offset)
        yielded, _ = attempt(data, [cut])
        assert sum(yielded, []) == (TRUE if length >= LAST.offset + LAST.size else TRUE[:-1])


def test_a_tar_cut_short_anywhere_is_reported(monkeypatch):
    monkeypatch.setattr(shards, "LOOKBACK", 4096)
    for length in range(LENGTH + 1023, 0, -37):
        yielded, errors = attempt(SOUND[:length], [length // 3, length // 2])
        assert sum(yielded, []) == [
            member for member in TRUE if member.offset + member.size <= length
        ]
        assert any(errors)
    assert members(SOUND[: LENGTH + 1024]) == TRUE


def test_zeros_up_to_a_full_record_after_the_end_are_fine(lookback):
    for more in (1, 511, 512, 5000, 10_239):
        data = SOUND[: LENGTH + 1024] + bytes(more)
        assert members(data) == join(data, [LENGTH - 9, LENGTH + 1, LENGTH + 700]) == TRUE
    assert members(SOUND, len(SOUND) - 1000) == []


@pytest.mark.parametrize("more", [10_240, 20_000, 3_000_000])
def test_more_zeros_than_fill_a_record_are_a_torn_tar(lookback, more):
    data = SOUND[: LENGTH + 1024] + bytes(more)
    for start in (0, LENGTH - 3000, LENGTH + 600, len(data) - 600):
        with pytest.raises(
            ShardError,
            match=rf"expected less than 11,264 bytes of zeros at the end of the tar, found zeros "
            rf"from byte {LENGTH:,} on, with {1024 + more:,} bytes to the end: the tar is torn",
        ) as info:
            members(data, start)
        assert info.value.offset == LENGTH


def test_a_tar_torn_anywhere_is_reported_by_the_ranges_over_it(monkeypatch):
    """As a download into a preallocated file leaves it: the right size, zeros from some byte on."""
    monkeypatch.setattr(shards, "LOOKBACK", 4096)
    for length in range(0, len(SOUND) - 14_000, 331):
        torn = SOUND[:length] + bytes(len(SOUND) - length)
        yielded, errors = attempt(torn, [length // 3, length // 2, len(SOUND) - 9000])
        assert any(errors)
        assert set(sum(yielded, [])) <= set(TRUE)
        with pytest.raises(ShardError, match="Fetch it again"):
            members(torn)


@pytest.mark.parametrize("zeros", [1024, 1025, 1536, 7000, 11_000])
def test_bytes_after_the_end_of_the_archive_are_reported(lookback, zeros):
    offset = LENGTH + zeros
    for data in (
        SOUND[:LENGTH] + bytes(zeros) + b"more",
        SOUND[:LENGTH] + bytes(zeros) + b"m" + bytes(9000),
    ):
        message = (
            f"expected nothing after the end-of-archive blocks, found more bytes at {offset:,}. "
            "Fetch it again"
        )
        with pytest.raises(ShardError, match=message) as info:
            members(data)
        assert (info.value.shard, info.value.offset) == ("PASS.7.tar", offset)
        assert attempt(data, [LENGTH - 2000])[0][1] == TRUE[-len(members(SOUND, LENGTH - 2000)) :]


def test_a_tar_after_a_tar_is_reported():
    with pytest.raises(ShardError, match="expected nothing after the end-of-archive blocks"):
        members(SOUND + SOUND)


# No input takes long


def test_the_reads_of_a_look_back_grow_with_its_headers_not_with_their_square():
    data = b"".join(make_header(b"folder%d/" % n, type=b"5") for n in range(4000)) + END
    source = MemoryShard(data, limit=2100)
    assert next(read_members(source, 2000 * 512)).name == "folder2000/"


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_the_reads_of_a_chain_of_extensions_end_soon(kind):
    data, expected = around(make_header(b"ext", type=kind) * 1500)
    source = MemoryShard(data, limit=1000)
    assert [member.name for member in read_members(source, data.rindex(b"ext") + 1)] == expected[
        -4:
    ]


def test_a_pax_header_of_many_records_is_read_in_one_pass():
    class Counted(bytes):  # every slice to the end of the text copies it
        copied = 0

        def __getitem__(self, key):
            part = super().__getitem__(key)
            Counted.copied += len(part) if isinstance(key, slice) else 1
            return Counted(part) if isinstance(key, slice) else part

    records = _pax_records(Counted(b"6 a=b\n" * 5000))
    assert records == {"a": "b"}
    assert Counted.copied < 4 * 6 * 5000


# Files


def write(path, data=b"0123456789"):
    path.write_bytes(data)
    return path


def test_a_file_that_is_not_there_is_refused(tmp_path):
    path = tmp_path / "PASS.0.tar"
    with pytest.raises(
        ShardError,
        match=r"PASS\.0\.tar: expected a shard here, found none \(No such file.*Put it back",
    ) as info:
        ShardFile(path)
    assert (info.value.shard, info.value.offset) == (str(path), None)
    assert isinstance(info.value.__cause__, FileNotFoundError)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(
        ShardError, match=r"expected a shard here, found none \(Is a directory\)"
    ) as info:
        ShardFile(tmp_path)
    assert info.value.shard == str(tmp_path)


def test_what_is_no_regular_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "PASS.0.tar")
    for path, why in [
        (tmp_path / "PASS.0.tar", "Not a regular file"),
        ("/dev/null", "Not a regular file"),
        ("PASS\0.tar", "embedded null byte"),
    ]:
        with pytest.raises(ShardError, match=rf"expected a shard here, found none \({why}\)"):
            ShardFile(path)


def test_the_path_of_a_shard_is_in_messages_without_escapes(tmp_path):
    with pytest.raises(ShardError, match=r"a\[31mb\.tar: expected a shard here") as raised:
        ShardFile(tmp_path / "a\x1b[31m\u202eb.tar")
    assert str(raised.value).isprintable()


def test_the_name_is_the_path_as_given(tmp_path, monkeypatch):
    write(tmp_path / "a.tar")
    monkeypatch.chdir(tmp_path)
    for path in ("a.tar", tmp_path / "a.tar"):
        with ShardFile(path) as source:
            assert (source.name, source.size) == (os.fspath(path), 10)


def test_pread_gives_fewer_bytes_at_the_end_only(tmp_path):
    with ShardFile(write(tmp_path / "a.tar")) as source:
        assert source.pread(0, 10) == b"0123456789"
        assert source.pread(3, 4) == b"3456"
        assert source.pread(8, 4) == b"89"
        assert source.pread(10, 4) == b""
        assert source.pread(99, 4) == b""
        assert source.pread(2, 0) == b""


def test_readinto_fills_the_buffer_and_nothing_else(tmp_path):
    with ShardFile(write(tmp_path / "a.tar")) as source:
        buffer = bytearray(8)
        source.readinto(3, memoryview(buffer)[2:6])
        assert buffer == b"\0\x003456\0\0"
        source.readinto(0, memoryview(b""))


def test_readinto_past_the_end_is_refused(tmp_path):
    path = write(tmp_path / "a.tar")
    with ShardFile(path) as source:
        for offset, found in ((7, 3), (10, 0), (99, 0)):
            message = (
                f"expected 4 bytes at {offset}, found {found}; the file was cut while it was read. "
                "Fetch it again."
            )
            with pytest.raises(ShardError, match=message) as info:
                source.readinto(offset, memoryview(bytearray(4)))
            assert (info.value.shard, info.value.offset) == (str(path), offset)


def test_a_file_that_gives_a_byte_at_a_time_is_read_whole(tmp_path, monkeypatch):
    pread, read_at = sources._pread, sources._read_at
    monkeypatch.setattr(sources, "_pread", lambda file, size, at: pread(file, min(size, 1), at))
    monkeypatch.setattr(sources, "_read_at", lambda file, part, at: read_at(file, part[:1], at))
    with ShardFile(write(tmp_path / "a.tar")) as source:
        assert source.pread(3, 4) == b"3456"
        assert source.pread(8, 4) == b"89"
        buffer = bytearray(4)
        source.readinto(5, memoryview(buffer))
        assert buffer == b"5678"


def test_the_stamp_changes_with_the_size_and_with_the_time_of_the_file(tmp_path):
    def stamp(data, time):
        os.utime(write(tmp_path / "a.tar", data), ns=(time, time))
        with ShardFile(tmp_path / "a.tar") as source:
            return source.stamp

    first = stamp(b"0123", 1_700_000_000_000_000_000)
    assert len(first) == 8
    assert int(first, 16) >= 0
    assert stamp(b"3210", 1_700_000_000_000_000_000) == first
    assert stamp(b"01234", 1_700_000_000_000_000_000) != first
    assert stamp(b"0123", 1_700_000_000_000_000_001) != first


def test_the_file_is_closed_at_the_end_of_the_with_block(tmp_path):
    with ShardFile(write(tmp_path / "a.tar")) as source:
        file = source._file
        assert not file.closed
    assert file.closed
