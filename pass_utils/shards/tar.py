"""A byte range of a tar in, members (name, offset, size) and their bytes out.

A tar is a row of 512-byte blocks: a header, the member's bytes padded to a whole block, the next
header; at the end at least two blocks of zeros. So it can be read from any offset: move up to the
next header, and go on from there. Over any set of cuts each member is read once, by the range in
which its first header begins.

Format: POSIX.1-2017 `pax`, "ustar Interchange Format" and "pax Interchange Format"; GNU tar manual,
"Basic Tar Format".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..errors import ShardError
from .source import Source

BLOCK = 512
LOOKBACK = (
    1 << 20
    # bytes read before a range to learn where its first member begins; larger than any picture of
    # PASS
)
END_OF_ARCHIVE = bytes(2 * BLOCK)

# Types that describe the member after them instead of being one: pax (one, all), GNU long name, GNU
# long link.
_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK = b"x", b"g", b"L", b"K"
_EXTENSIONS = (_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK)
_SPARSE = b"S"
_FILES = (b"0", b"\0", b"7")
# links, devices, directories, pipes: their size is not a length
_WITHOUT_DATA = (b"1", b"2", b"3", b"4", b"5", b"6")
_MAX_EXTENSION = 1 << 20  # bytes of a pax record or a long name; real ones have a few hundred
_MAX_EXTENSIONS = 16  # for one member; real ones have at most one of each type


class Member(NamedTuple):
    """A member of a tar: its name, where its bytes begin, how many they are, and its type flag."""

    name: str
    offset: int
    size: int
    type: bytes = b"0"

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return self.type in _FILES

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory; old tars mark one by a name that ends in a slash."""
        return self.type == b"5" or self.name.endswith("/")


def read_members(source: Source, start: int = 0, end: int | None = None) -> Iterator[Member]:
    """The members whose first header begins in bytes `[start, end)` of a tar, in order; by default
    all.

    Members of every type are given, without their bytes: `source.readinto(member.offset, buffer)`
    reads those. After the last one the next header is checked too, so that no damage hides between
    two ranges; a range that reaches the end of the tar checks its end-of-archive blocks.

    Raises:
        ShardError: no tar, a damaged header, or a tar that is cut short; it names shard and offset.
    """
    end = source.size if end is None else min(end, source.size)
    position = _first_header(source, start) if start else 0
    while True:
        entry = _read_entry(source, position)
        if entry is None:
            _check_end(source, position)
            return
        if position >= end:
            return
        yield entry.member
        position = entry.next


class _Header(NamedTuple):
    name: str
    size: int  # bytes of data that follow the header
    type: bytes
    extended: bool  # whether more blocks of an old GNU sparse map follow


class _Entry(NamedTuple):
    member: Member
    next: int  # offset of the header after it


def _read_entry(source: Source, position: int) -> _Entry | None:
    """The member whose first header is at `position`, with the headers that extend it; None for a
    block of zeros.
    """
    name: str | None = None
    size: int | None = None
    kind: bytes | None = None
    for extensions in range(_MAX_EXTENSIONS + 1):
        block = source.pread(position, BLOCK)
        header = _parse(block)
        if header is None:
            if block == bytes(BLOCK) and not extensions:
                return None
            raise _damage(source, position, block)
        data = position + BLOCK
        if header.type not in _EXTENSIONS:
            break
        if header.size > _MAX_EXTENSION:
            raise _damage(source, position, block)
        text = source.pread(data, header.size)
        if header.type == _LONG_NAME:
            name = _decode(text.rstrip(b"\0"))
        elif header.type == _PAX:
            records = _pax_records(text)
            if records is None:
                raise _damage(source, position, block)
            name = records.get("path", name)
            size = int(records["size"]) if "size" in records else size
            if any(
                key.startswith("GNU.sparse.") for key in records
            ):  # its data are not the file's: holes are left out
                kind = _SPARSE
        position = data + _padded(header.size)
    else:
        raise _damage(source, position, block)
    more = header.extended
    while more:
        more = source.pread(data, BLOCK)[504:505] == b"\1"
        data += BLOCK
    if size is None or header.type in _WITHOUT_DATA:
        size = header.size
    if data + size > source.size:
        raise ShardError(
            f"{source.name}: expected {size:,} bytes of {name or header.name} at {data:,}, found "
            f"the end of the file at {source.size:,}: the tar is cut short. Fetch it again.",
            shard=source.name,
            offset=data,
        )
    member = Member(
        header.name if name is None else name, data, size, header.type if kind is None else kind
    )
    return _Entry(member, data + _padded(size))


def _parse(block: bytes) -> _Header | None:
    """A header block, or None when it is none: the magic, the checksum and every number must be
    right.
    """
    if len(block) < BLOCK or block[257:262] != b"ustar":
        return None
    checksum = _number(block[148:156])
    if checksum != sum(block) - sum(block[148:156]) + 8 * 0x20:
        return None
    kind = block[156:157]
    size = 0 if kind in _WITHOUT_DATA else _number(block[124:136])
    if size is None:
        return None
    name = block[:100].split(b"\0", 1)[0]
    if (
        block[257:263] == b"ustar\0" and block[345] and kind not in _EXTENSIONS
    ):  # POSIX; GNU keeps other things there
        name = block[345:500].split(b"\0", 1)[0] + b"/" + name
    return _Header(_decode(name), size, kind, kind == _SPARSE and block[482:483] == b"\1")


def _number(field: bytes) -> int | None:
    """A number field: octal digits, or GNU's base 256 for large ones."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.split(b"\0", 1)[0].strip()
    # int() alone takes a sign: a way back, forever
    return None if digits.strip(b"01234567") else int(digits or b"0", 8)


def _pax_records(text: bytes) -> dict[str, str] | None:
    """The `length key=value` records of a pax header, or None when they are damaged."""
    records = {}
    position, end = 0, len(text.rstrip(b"\0"))
    while position < end:
        space = text.find(b" ", position, position + 8)  # seven digits count to _MAX_EXTENSION
        digits = text[position : max(space, 0)]
        after = position + int(digits) if digits.isdigit() else 0
        if text[after - 1 : after] != b"\n":
            return None
        key, equals, value = text[space + 1 : after - 1].partition(b"=")
        if not equals or (key == b"size" and not (value.isdigit() and len(value) < 20)):
            return None
        records[_decode(key)] = _decode(value)
        position = after
    return records


def _decode(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _check_end(source: Source, position: int) -> None:
    """Require what ends a tar: two blocks of zeros, and nothing but zeros after them."""
    if source.pread(position, 2 * BLOCK) != END_OF_ARCHIVE:
        found = (
            "one block of zeros"
            if source.size - position >= BLOCK
            else f"the end of the file at {source.size:,}"
        )
        raise ShardError(
            f"{source.name}: expected two end-of-archive blocks at {position:,}, found {found}: "
            "the tar is cut short or damaged. Fetch it again.",
            shard=source.name,
            offset=position,
        )
    for at in range(position, source.size, LOOKBACK):
        data = source.pread(at, LOOKBACK)
        if data.strip(b"\0"):
            at += len(data) - len(data.lstrip(b"\0"))
            raise ShardError(
                f"{source.name}: expected nothing after the end-of-archive blocks, found more "
                f"bytes at {at:,}. Fetch it again.",
                shard=source.name,
                offset=at,
            )


def _damage(source: Source, position: int, block: bytes) -> ShardError:
    if position == 0:
        expected, found = (
            "a tar",
            f"a file that begins with {block[:16]!r}" if block else "an empty file",
        )
    else:
        expected = f"a tar header at byte {position:,}"
        found = (
            "a damaged one" if len(block) == BLOCK else f"the end of the file at {source.size:,}"
        )
    return ShardError(
        f"{source.name}: expected {expected}, found {found}. Fetch it again.",
        shard=source.name,
        offset=position,
    )


def _first_header(source: Source, start: int) -> int:
    """Offset of the first header at or after `start`, or of the end-of-archive blocks where these
    come before it.
    """
    first = _agreed_header(source, start)
    position = 0 if first is None else first
    while position < start:
        entry = _read_entry(source, position)
        if entry is None:
            break
        position = entry.next
    return position


def _agreed_header(source: Source, start: int) -> int | None:
    """The header at or after `start` to which every header within `LOOKBACK` bytes before it leads,
    or None.

    A picture may hold bytes that look like a header, or a whole tar, and past a damaged header
    there is no way of telling them. So when one of them leads elsewhere or nowhere, or there is
    none (within a member larger than `LOOKBACK`), the headers have to be followed from the
    beginning of the tar.
    """
    base = max(0, start - LOOKBACK) // BLOCK * BLOCK
    window = source.pread(base, _padded(start - base))
    leads: dict[int, int] = {}
    for place in reversed(range(base, base + len(window), BLOCK)):
        if not window.startswith(b"ustar", place - base + 257):
            continue
        try:
            entry = _read_entry(source, place)
        except ShardError:
            return None
        after = place if entry is None else entry.next
        if after < start and after not in leads:
            return None
        leads[place] = leads.get(after, after)
    firsts = set(leads.values())
    return firsts.pop() if len(firsts) == 1 else None
