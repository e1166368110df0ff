"""Parses one member of a tar: the header, and the headers that extend it.

Format: POSIX.1-2017 `pax`, "ustar Interchange Format" and "pax Interchange Format"; GNU tar manual,
"Basic Tar Format".
"""

from __future__ import annotations

from typing import NamedTuple
from zlib import adler32

from .._util.text import plain_line
from ..errors import ShardError
from .source import Source

BLOCK = 512
MAX_SIZE = 1 << 31  # bytes of an image, and more; an Arrow array of them has 32-bit offsets

# Types that describe the member after them instead of being one: pax (one, all), GNU long name, GNU
# long link.
_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK = b"x", b"g", b"L", b"K"
_EXTENSIONS = (_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK)
_FILES = (b"0", b"\0", b"7")
# links, devices, directories, pipes: their size is not a length
_WITHOUT_DATA = (b"1", b"2", b"3", b"4", b"5", b"6")
# GNU types whose data are not a file's bytes
_SPARSE = b"S"
_UNSUPPORTED = {
    _SPARSE: "a sparse file",
    b"M": "a file continued from another volume",
    b"V": "a volume label",
}
_KINDS = {
    **dict.fromkeys(_FILES, "a file"),
    **_UNSUPPORTED,
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"5": "a directory",
    b"6": "a named pipe",
}
_REPACK = "Pack the files again with `tar --format=ustar`"
_MAX_EXTENSION = 1 << 20  # bytes of a pax record or a long name; real ones have a few hundred
_MAX_EXTENSIONS = 16  # for one member; real ones have at most one of each type


class Member(NamedTuple):
    """A member of a tar: its name, where its bytes begin, how many they are, and its type flag."""

    name: str
    offset: int
    size: int
    type: bytes = b"0"

    @property
    def end(self) -> int:
        """Where its bytes end."""
        return self.offset + self.size

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return self.type in _FILES

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory; old tars mark one by a name that ends in a slash."""
        return self.type == b"5" or self.name.endswith("/")

    @property
    def kind(self) -> str:
        """What it is, for messages: "a file", "a symbolic link", ..."""
        return _KINDS.get(self.type, f"a member of type {self.type!r}")


class Header(NamedTuple):
    """A header block: the name, how many bytes of data follow it, and the type flag."""

    name: str
    size: int
    type: bytes


class Entry(NamedTuple):
    """A member, the offset of the header after it, and how many headers it has itself."""

    member: Member
    next: int
    headers: int


def read_entry(source: Source, position: int) -> Entry | None:
    """The member whose first header is at `position`, with the headers that extend it; None for a
    block of zeros.
    """
    name: str | None = None
    size: int | None = None
    kind: bytes | None = None
    for extensions in range(_MAX_EXTENSIONS + 1):
        block = source.pread(position, BLOCK)
        header = parse_header(block)
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
            if any(key.startswith("GNU.sparse.") for key in records):
                kind = _SPARSE
        position = data + padded(header.size)
    else:
        raise _damage(source, position, block)
    if size is None or header.type in _WITHOUT_DATA:
        size = header.size
    member = Member(
        header.name if name is None else name, data, size, header.type if kind is None else kind
    )
    if size >= MAX_SIZE or data + size > source.size or member.type in _UNSUPPORTED:
        refusal = _refuse(source, member)
        if refusal is not None:
            raise refusal
    return Entry(member, data + padded(size), extensions + 1)


def _refuse(source: Source, member: Member) -> ShardError | None:
    """What is wrong with a member that cannot be read; None for nothing."""
    name = plain_line(member.name)
    if member.type in _UNSUPPORTED:
        wrong = (
            f"expected plain files, found {member.kind}, {name}, at {member.offset:,}. {_REPACK}, "
            "without --sparse, --label and --multi-volume."
        )
    elif member.offset + member.size > source.size:
        wrong = (
            f"expected {member.size:,} bytes of {name} at {member.offset:,}, found the end of the "
            f"file at {source.size:,}: the tar is cut short. Fetch it again."
        )
    elif member.is_file:
        wrong = (
            f"expected images of less than {MAX_SIZE:,} bytes, found {name} of {member.size:,} "
            f"bytes at {member.offset:,}. Is this a shard of PASS?"
        )
    else:
        return None
    return ShardError(f"{source.name}: {wrong}", shard=source.name, offset=member.offset)


def parse_header(block: bytes) -> Header | None:
    """A header block, or None when it is none: the magic, the checksum and every number must be
    right.
    """
    if block[257:262] != b"ustar" or not _has_checksum(block):
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
    return Header(_decode(name), size, kind)


def _has_checksum(block: bytes) -> bool:
    """Whether it is a full block with the checksum of a header, of any format."""
    checksum = _number(block[148:156]) if len(block) == BLOCK else None
    return checksum == _sum(block) - sum(block[148:156]) + 8 * 0x20


def _sum(block: bytes) -> int:
    """The sum of the bytes of a block, in a tenth of the time of `sum`: the lower half of Adler-32
    is one and the sum of the bytes, modulo 65,521, which 256 bytes do not reach.
    """
    return (adler32(block[:256]) & 0xFFFF) + (adler32(block[256:]) & 0xFFFF) - 2


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


def padded(size: int) -> int:
    """Returns a size in bytes, rounded up to full blocks."""
    return -(-size // BLOCK) * BLOCK


def _damage(source: Source, position: int, block: bytes) -> ShardError:
    expected, todo = f"a tar header at byte {position:,}", "Fetch it again."
    if block[257:262] != b"ustar" and _has_checksum(block):
        expected = f"a header of the ustar format at byte {position:,}"
        found, todo = "one of the older v7 format", f"{_REPACK}."
    elif position == 0:
        expected = "a tar"
        found = f"a file that begins with {block[:16]!r}" if block else "an empty file"
    elif len(block) == BLOCK:
        found = "a damaged one"
    else:
        found = f"the end of the file at {source.size:,}"
    return ShardError(
        f"{source.name}: expected {expected}, found {found}. {todo}",
        shard=source.name,
        offset=position,
    )
