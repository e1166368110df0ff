"""Remote shards: bytes at any offset, read forward with small steps back."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tars import make_tar
from support.zenodo import Fault, Zenodo, clear_environment

from pass_utils import RemoteError, ShardError
from pass_utils._util import retry as retries
from pass_utils._util.retry import Retry
from pass_utils.net import ranges as remote
from pass_utils.shards import source as sources
from pass_utils.shards import tar as shards
from pass_utils.shards.source import RemoteShard, ShardFile
from pass_utils.shards.tar import read_members

NAME = "PASS.0.tar"
SIZE = 20_000
DATA = random.Random(0).randbytes(SIZE)

examples = settings(deadline=None, max_examples=80, database=None, derandomize=True)


@pytest.fixture(autouse=True)
def setting(monkeypatch):
    """A plain environment, no waiting, and everything small: 256 bytes at a time, gaps of 500,
    tails of 200.
    """
    clear_environment(monkeypatch)
    monkeypatch.setattr(
        retries, "RETRY", Retry(first_wait=0.001, connect_timeout=1, read_timeout=0.3)
    )
    monkeypatch.setattr(remote, "_CHUNK", 256)
    monkeypatch.setattr(remote, "_BUFFER", 3000)
    monkeypatch.setattr(sources, "_GAP", 500)
    monkeypatch.setattr(sources, "_TAIL", 200)


@pytest.fixture
def server(tmp_path) -> Iterator[Zenodo]:
    (tmp_path / NAME).write_bytes(DATA)
    with Zenodo(tmp_path) as zenodo:
        yield zenodo


def spans(server: Zenodo) -> list[tuple[int, int]]:
    """What was asked for, as `[start, end)`."""
    asked = (request.range.removeprefix("bytes=").split("-") for request in server.requests)
    return [(int(first), int(last) + 1) for first, last in asked]


def readinto(shard: RemoteShard, offset: int, size: int) -> bytes:
    buffer = bytearray(size)
    shard.readinto(offset, memoryview(buffer))
    return bytes(buffer)


steps = st.tuples(
    st.booleans(), st.integers(-1500, 1500) | st.integers(0, 100), st.just(0) | st.integers(0, 900)
)


def test_any_moves_give_the_bytes_of_the_file(server):
    faults = st.sampled_from(
        [Fault(cut=0), Fault(cut=100), Fault(cut=700), Fault(status=429), Fault(shift=7)]
    )

    @examples
    @given(
        st.lists(steps, min_size=2, max_size=20),
        st.none() | st.integers(0, SIZE),
        st.lists(faults, max_size=4),
        st.booleans(),
    )
    def check(moves, end, ordered, ignore_range):
        server.always = lambda path, start: Fault(ignore_range=ignore_range)
        server.faults = [fault._replace(ignore_range=ignore_range) for fault in ordered]
        shard, offset = RemoteShard(server.url(NAME), SIZE, end=end), 5000
        for by_pread, move, size in moves:
            offset = max(0, min(offset + move, SIZE))
            if by_pread:
                assert shard.pread(offset, size) == DATA[offset : offset + size]
            else:
                size = min(size, SIZE - offset)
                assert readinto(shard, offset, size) == DATA[offset : offset + size]
            offset += size
        shard.close()

    check()


@pytest.mark.slow
def test_a_read_forward_asks_for_no_byte_twice(server):
    """With gaps of up to 500 bytes between the reads, within the range and behind its end."""

    @examples
    @given(
        st.lists(st.tuples(st.booleans(), st.integers(0, 500), st.integers(1, 900)), max_size=20),
        st.integers(0, SIZE),
    )
    def check(moves, end):
        server.requests.clear()
        offset = 0
        with RemoteShard(server.url(NAME), SIZE, end=end) as shard:
            for by_pread, gap, size in moves:
                offset, size = min(offset + gap, SIZE), min(size, SIZE - min(offset + gap, SIZE))
                got = shard.pread(offset, size) if by_pread else readinto(shard, offset, size)
                assert got == DATA[offset : offset + size]
                offset += size
        asked = spans(server)
        assert all(before[1] == after[0] for before, after in zip(asked, asked[1:], strict=False))
        assert server.sent <= max(end, offset + 200)

    check()


def test_bytes_behind_the_end_are_asked_for_in_small_pieces(server):
    with RemoteShard(server.url(NAME), SIZE, end=10_000) as shard:
        assert readinto(shard, 0, 10_000) == DATA[:10_000]
        assert spans(server) == [(0, 10_000)]
        assert readinto(shard, 10_000, 350) == DATA[10_000:10_350]
        assert shard.pread(10_350, 50) == DATA[10_350:10_400]
        assert spans(server) == [(0, 10_000), (10_000, 10_200), (10_200, 10_400)]
    with RemoteShard(server.url(NAME), SIZE, end=SIZE - 100) as shard:
        assert shard.pread(SIZE - 200, 1000) == DATA[-200:]
        assert spans(server)[3:] == [(SIZE - 200, SIZE - 100), (SIZE - 100, SIZE)]


def test_a_long_gap_is_not_read(server):
    with RemoteShard(server.url(NAME), SIZE) as shard:
        assert shard.pread(0, 100) == DATA[:100]
        assert shard.pread(15_000, 100) == DATA[15_000:15_100]
        assert shard.pread(4000, 100) == DATA[4000:4100]
        assert spans(server) == [(0, SIZE), (15_000, SIZE), (4000, SIZE)]


@pytest.mark.parametrize("cut", [None, 0, 700])
def test_what_was_looked_at_is_read_again_without_a_request(server, cut):
    """As the headers before a range are: all at once, then one by one from the last to the first,
    then on.
    """
    server.faults = [Fault(cut=cut)] if cut is not None else []
    with RemoteShard(server.url(NAME), SIZE, end=9000) as shard:
        assert shard.pread(3000, 2000) == DATA[3000:5000]
        for offset in range(4900, 2900, -100):
            assert shard.pread(offset, 100) == DATA[offset : offset + 100]
        assert readinto(shard, 5000, 4000) == DATA[5000:9000]
    assert spans(server) == [(3000, 9000), *([(3000 + cut, 9000)] if cut is not None else [])]


def test_bytes_that_the_shard_does_not_have(server):
    with RemoteShard(server.url(NAME), SIZE) as shard:
        assert shard.pread(SIZE - 10, 20) == DATA[-10:]
        assert shard.pread(SIZE, 20) == shard.pread(SIZE + 5, 20) == b""
        message = "expected 20 bytes at 19,990, found the end of the file at 20,000"
        with pytest.raises(ShardError, match=message) as caught:
            readinto(shard, SIZE - 10, 20)
        assert caught.value.shard == server.url(NAME)
        assert caught.value.offset == SIZE - 10


def test_a_shard_that_is_not_there(server):
    with (
        RemoteShard(server.url("PASS.1.tar"), SIZE) as shard,
        pytest.raises(RemoteError, match="404") as caught,
    ):
        shard.pread(0, 512)
    assert caught.value.url == server.url("PASS.1.tar")


class TestServerThatIgnoresRange:
    @pytest.fixture(autouse=True)
    def ignoring(self, server):
        server.always = lambda path, start: Fault(ignore_range=True)

    def read_ranges(self, server: Zenodo, *cuts: int) -> None:
        """As streams do: look back 1000 bytes, read the range, and a little more for its last
        member.
        """
        for start, end in zip(cuts, cuts[1:], strict=False):
            with RemoteShard(server.url(NAME), SIZE, end=end) as shard:
                base = max(0, start - 1000)
                assert shard.pread(base, start - base) == DATA[base:start]
                more = min(300, SIZE - end)
                assert readinto(shard, start, end - start + more) == DATA[start : end + more]

    def test_ranges_read_one_after_the_other_share_one_pass(self, server, caplog):
        self.read_ranges(server, 0, 4000, 4001, 9000, SIZE - 250, SIZE)
        assert [(request.status, request.sent) for request in server.requests] == [(200, SIZE)]
        assert caplog.text.count("the server ignores Range") == 1

    def test_a_second_pass_starts_over_and_leaves_nothing_open(self, server):
        for requests in (1, 2):
            self.read_ranges(server, 0, 7000, 14_000, SIZE)
            assert len(server.requests) == requests
            assert not any(url == server.url(NAME) for _, url in remote._left_open)

    def test_a_pass_that_breaks_starts_over_and_goes_on(self, server):
        server.faults = [Fault(ignore_range=True, cut=9000), Fault(ignore_range=True, cut=14_500)]
        self.read_ranges(server, 0, 7000, 14_000, SIZE)
        assert len(server.requests) == 3

    def test_a_forked_process_does_not_read_what_its_parent_left_open(self, server):
        self.read_ranges(server, 0, 5000)
        child = os.fork()
        if not child:
            try:
                self.read_ranges(server, 5000, 10_000)
            except BaseException:
                os._exit(1)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert len(server.requests) == 2
        self.read_ranges(server, 5000, SIZE)
        assert len(server.requests) == 2


@pytest.mark.slow
def test_members_of_any_ranges_are_those_of_the_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "LOOKBACK", 2048)
    with Zenodo(tmp_path) as server:

        @examples
        @given(
            st.data(),
            st.lists(st.integers(0, 1500), min_size=1, max_size=12),
            st.lists(st.integers(0, 4000), max_size=3),
        )
        def check(data, sizes, faults):
            names = [f"PASS_dataset/0/{n:032x}.jpg" for n in range(len(sizes))]
            files = [
                (name, random.Random(name).randbytes(size))
                for name, size in zip(names, sizes, strict=True)
            ]
            tar = make_tar(files)
            Path(tmp_path / NAME).write_bytes(tar)
            usual = Fault(ignore_range=data.draw(st.booleans()))
            server.always = lambda path, start: usual
            server.faults = [Fault(cut=cut) for cut in faults]
            cuts = data.draw(st.sets(st.integers(1, len(tar) - 1), max_size=6))
            found = []
            for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(tar)], strict=True):
                with RemoteShard(server.url(NAME), len(tar), end=end) as shard:
                    for member in read_members(shard, start, end):
                        found.append((member.name, readinto(shard, member.offset, member.size)))
            assert found == files

        check()


def test_neighbours_are_read_together_and_every_buffer_gets_its_bytes(tmp_path, monkeypatch):
    data = bytes(range(256)) * 1000
    path = tmp_path / "a.tar"
    path.write_bytes(data)
    calls = []
    preadv = os.preadv
    monkeypatch.setattr(
        "os.preadv", lambda *args: calls.append(len(args[1])) or preadv(*args), raising=True
    )
    spans = [(0, 700), (1000, 300), (1300, 0), (1300, 5), (9000, 99), (9000, 99), (50, 7)]
    spans += [(20_000 + 600 * n, 500) for n in range(100)]
    buffers = [bytearray(size) for _, size in spans]
    with ShardFile(path) as shard:
        shard.read_neighbours(
            (offset, memoryview(buffer)) for (offset, _), buffer in zip(spans, buffers, strict=True)
        )
    assert buffers == [data[offset : offset + size] for offset, size in spans]
    assert calls == [5, 1, 1, 1, 127, 71]


def test_neighbours_past_the_end_are_refused(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(b"x" * 1000)
    parts = [(0, memoryview(bytearray(600))), (700, memoryview(bytearray(301)))]
    with (
        ShardFile(path) as shard,
        pytest.raises(ShardError, match="expected 301 bytes at 700, found 300"),
    ):
        shard.read_neighbours(parts)
