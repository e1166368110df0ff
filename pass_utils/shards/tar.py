"""Reads the members (name, offset, size) of a byte range of a tar.

A tar is a row of 512-byte blocks: a header, the member's bytes padded to full blocks, the next
header; at the end at least two blocks of zeros. So it can be read from any offset: move up to the
next header, and follow the headers from there. Over any set of cuts each member is read once, by
the range in which its first header begins.
"""

from __future__ import annotations

from collections.abc import Iterator

from .._util.text import plain_line
from ..errors import ShardError
from .member import BLOCK, Entry, Member, padded, parse_header, read_entry
from .source import Source

LOOKBACK = (
    1 << 20
    # bytes read before a range to find where its first member begins; larger than any image of
    # PASS
)
END_OF_ARCHIVE = bytes(2 * BLOCK)
# what may follow the members: the end-of-archive blocks, and zeros up to a full record of 20 blocks
_LONGEST_END = 2 * BLOCK + 20 * BLOCK


def read_members(source: Source, start: int = 0, end: int | None = None) -> Iterator[Member]:
    """Yields the members whose first header begins in bytes `[start, end)` of a tar, in order.

    Members of every type are given, without their bytes: `source.readinto(member.offset, buffer)`
    reads those. After the last one the next header is checked too, so that no damage hides between
    two ranges; a range that reaches the end of the tar checks its end-of-archive blocks.

    Args:
        source: the tar.
        start: first byte of the range.
        end: byte after the range; None for the end of the tar.

    Raises:
        ShardError: no tar, a damaged header, a tar that is cut short or torn, a member that is
            stored in another way than as its bytes or has 2 GiB or more; it names shard and offset.
    """
    end = source.size if end is None else min(end, source.size)
    split = start > 0 or end < source.size
    position = _first_header(source, start) if start else 0
    while True:
        entry = read_entry(source, position)
        if entry is None:
            check_end(source, position)
            return
        if position >= end:
            return
        if split and entry.next - position > LOOKBACK:
            _check_no_headers_within(source, position, entry)
        yield entry.member
        position = entry.next


def check_end(source: Source, position: int) -> None:
    """Require members, and after them what ends a tar: two blocks of zeros, and no more than fill
    a record. More of them are what an interrupted download into a preallocated file leaves.

    Raises:
        ShardError: the tar ends otherwise.
    """
    zeros = source.pread(position, _LONGEST_END)
    after = len(zeros) - len(zeros.lstrip(b"\0"))
    if after < len(END_OF_ARCHIVE):
        expected = f"two end-of-archive blocks at {position:,}"
        found = "one block of zeros: the tar is cut short or damaged"
    elif position == 0:
        expected, found = "a tar with members", "zeros where the first one should begin"
    elif after < len(zeros):
        expected = "nothing after the end-of-archive blocks"
        found = f"more bytes at {position + after:,}"
        position += after
    elif source.size - position >= _LONGEST_END:
        expected = f"less than {_LONGEST_END:,} bytes of zeros at the end of the tar"
        found = (
            f"zeros from byte {position:,} on, with {source.size - position:,} bytes to the end: "
            "the tar is torn, as after an interrupted download"
        )
    else:
        return
    raise ShardError(
        f"{source.name}: expected {expected}, found {found}. Fetch it again.",
        shard=source.name,
        offset=position,
    )


def _check_no_headers_within(source: Source, position: int, entry: Entry) -> None:
    """Require that a member larger than `LOOKBACK` holds no tar headers at full blocks.

    A range that begins within such a member sees none of the headers around it, so it would take
    those inside for members of the shard.
    """
    step = max(BLOCK, LOOKBACK // BLOCK * BLOCK)
    headers = -entry.headers  # its own ones are found, too
    for base in range(position, entry.next, step):
        window = source.pread(base, min(step, entry.next - base))
        at = window.find(b"ustar")
        while at >= 0:
            if at % BLOCK == 257 and parse_header(window[at - 257 : at - 257 + BLOCK]) is not None:
                headers += 1
            if headers > 0:
                raise ShardError(
                    f"{source.name}: expected no tar inside of a member of more than "
                    f"{LOOKBACK:,} bytes, found a header at byte {base + at - 257:,} in "
                    f"{plain_line(entry.member.name)}: ranges cannot tell it from a member of the "
                    "shard. Open the shard without streaming, or with a range_size of at least "
                    f"{source.size:,}.",
                    shard=source.name,
                    offset=base + at - 257,
                )
            at = window.find(b"ustar", at + 1)


def _first_header(source: Source, start: int) -> int:
    """Offset of the first header at or after `start`, or of the end-of-archive blocks where these
    come before it.
    """
    first = _agreed_header(source, start)
    position = 0 if first is None else first
    while position < start:
        entry = read_entry(source, position)
        if entry is None:
            break
        position = entry.next
    return position


def _agreed_header(source: Source, start: int) -> int | None:
    """The header at or after `start` to which every header within `LOOKBACK` bytes before it leads,
    or None.

    An image may hold bytes that look like a header, or a whole tar, and past a damaged header they
    cannot be told from members. So when one of them leads elsewhere or nowhere, or there is none
    (within a member larger than `LOOKBACK`), the headers have to be followed from the beginning of
    the tar. A tar within a member larger than `LOOKBACK` is refused by `_check_no_headers_within`.
    """
    base = max(0, start - LOOKBACK) // BLOCK * BLOCK
    window = source.pread(base, padded(start - base))
    leads: dict[int, int] = {}
    for at in reversed(range(base, base + len(window), BLOCK)):
        if not window.startswith(b"ustar", at - base + 257):
            continue
        try:
            entry = read_entry(source, at)
        except ShardError:
            return None
        after = at if entry is None else entry.next
        if after < start and after not in leads:
            return None
        leads[at] = leads.get(after, after)
    firsts = set(leads.values())
    return firsts.pop() if len(firsts) == 1 else None
