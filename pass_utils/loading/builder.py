"""Rows in, `datasets` out: the builder that `load_dataset("pass")` opens once pass_utils is
imported.

When a dataset is streamed, `datasets` replaces `open`, `os.path` and `pathlib.Path` in the module
of its builder by versions that read URLs, in which `::` means something; before 4.0 also in every
module that the builder imports with a leading dot. So paths are looked at elsewhere, in `folders`,
and the imports here are absolute.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import datasets
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from pass_utils._util.cache import cache_dir
from pass_utils.errors import PassError, ReleaseError, ShardError
from pass_utils.hashes import Keys
from pass_utils.loading.rows import Join, read_images, read_places
from pass_utils.metadata import open_metadata
from pass_utils.net.session import check_online
from pass_utils.releases import File, Release, choose_shards, file_url, find_release, script
from pass_utils.shards.source import RemoteShard, ShardFile
from pass_utils.transfer.fetch import fetch
from pass_utils.transfer.folder import file_stamp, find_files, release_in
from pass_utils.transfer.planning import chosen_files

RANGE_SIZE = 256 << 20  # bytes


class Range(NamedTuple):
    """Bytes `[start, end)` of a shard: what the workers of a stream share, and where a resumed one
    starts again.

    `shard` is a path or a URL, `size` the bytes of all of it.
    """

    shard: str
    start: int
    end: int
    size: int

    def cut(self, step: int) -> list[Range]:
        """The same bytes as ranges of `step` bytes, the last one shorter."""
        starts = range(self.start, self.end, max(step, 1))
        return [
            self._replace(start=start, end=min(start + step, self.end)) for start in starts
        ] or [self]

    def read(self, join: Join, *, with_bytes: bool) -> Iterator[pa.Table]:
        """The rows of the range, with the bytes of the images or with their places."""
        if not with_bytes:
            with ShardFile(self.shard, random_access=True) as file:
                yield from read_places(file, join, self.start, self.end)
        else:
            remote = "://" in self.shard
            with (
                RemoteShard(self.shard, self.size, end=self.end)
                if remote
                else ShardFile(self.shard) as source
            ):
                yield from read_images(source, join, self.start, self.end)


@dataclass
class PassConfig(script.PASSConfig):
    """What to open and how.

    `data_dir`: folder with the shards and the CSV. `shards`: their numbers, None for all.
    `embed_images`: write the bytes of the images into the Arrow cache instead of their places in
    the tars. `range_size`: bytes of a shard that streams read as one unit. `base_url`: a mirror
    laid out as Zenodo is, None for the environment's `PASS_BASE_URL` or Zenodo.
    """

    embed_images: bool = False
    range_size: int = RANGE_SIZE
    base_url: str | None = None

    @property
    def release(self) -> Release:
        """The record of the release."""
        return find_release(self.name)

    def create_config_id(
        self, config_kwargs: dict[str, Any], custom_features: datasets.Features | None = None
    ) -> str:
        """The name of the cache: another one for other files, for the same files changed, and for
        other options.

        Raises:
            ReleaseError: an option that makes no sense, a folder or a file that is not there.
            DownloadError: the folder holds another release.
        """
        if (
            isinstance(self.range_size, bool)
            or not isinstance(self.range_size, int)
            or self.range_size < 1
        ):
            raise ReleaseError(
                f"range_size: expected a number of bytes, at least 1, found {self.range_size!r}."
            )
        shards = choose_shards(self.release, self.shards)
        identity: dict[str, Any] = {
            "record": self.release.record,
            "embed_images": self.embed_images,
        }
        if self.data_dir is None:
            identity["shards"] = list(shards)
        else:
            identity["files"] = [
                (path, file_stamp(path).hex)
                for path in find_files(self.data_dir, self.release, shards=shards)
            ]
        return str(super().create_config_id(identity, custom_features))


class Pass(datasets.ArrowBasedBuilder):
    """PASS for `datasets`: one config for each release, one split, tables of rows.

    Where no config is named, it is the release that the folder is known to hold, and else the
    default one.
    """

    BUILDER_CONFIG_CLASS = PassConfig
    BUILDER_CONFIGS = [
        PassConfig(name=config.name, version=config.version, description=config.description)
        for config in script.PASS.BUILDER_CONFIGS
    ]
    DEFAULT_CONFIG_NAME = script.PASS.DEFAULT_CONFIG_NAME
    config: PassConfig

    def __init__(
        self, *args: Any, config_name: str | None = None, data_dir: str | None = None, **kwargs: Any
    ) -> None:
        if config_name is not None:
            find_release(config_name)
        elif data_dir is not None:
            config_name = release_in(data_dir).name
        super().__init__(*args, config_name=config_name, data_dir=data_dir, **kwargs)

    def _info(self) -> datasets.DatasetInfo:
        return script.PASS._info(self)

    def download_and_prepare(self, *args: Any, **kwargs: Any) -> None:
        """As in the parent; without `data_dir`, the shards are first fetched into the cache, and
        then opened there.
        """
        if self.config.data_dir is None:
            folder = self._fetch(chosen_files(self.config.release, self.config.shards))
            self.config = copy.copy(self.config)  # it may be the class's own
            self.config.data_dir = folder
            features = self.info.features
            self.config_id = self.config.create_config_id(
                {}, None if features == script.FEATURES else features
            )
            self._cache_dir = self._output_dir = self._build_cache_dir()
        super().download_and_prepare(*args, **kwargs)

    def _fetch(self, files: list[File]) -> str:
        """Have these files of the release in the cache, and return the folder; the first of several
        processes fetches them, the others wait.
        """
        release = self.config.release
        folder = f"{self._cache_downloaded_dir}/pass-{release.record}"
        return str(fetch(release, files, folder, base_url=self.config.base_url, wait=True))

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        config, release = self.config, self.config.release
        if config.data_dir is None:
            check_online("the shards")
            chosen = choose_shards(release, config.shards).values()
            folder = self._fetch([release.metadata])
            csv = f"{folder}/{release.metadata.name}"
            wholes = [
                Range(file_url(release, file, config.base_url), 0, file.size, file.size)
                for file in chosen
            ]
        else:
            csv, *shards = find_files(config.data_dir, release, shards=config.shards)
            wholes = [
                Range(shard, 0, size, size) for shard in shards for size in [file_stamp(shard).size]
            ]
        kept = str(cache_dir(self._cache_dir_root))
        open_metadata(csv, kept)  # once, before the workers want it
        streaming = dl_manager.is_streaming
        return [
            datasets.SplitGenerator(
                name=datasets.Split.TRAIN,
                gen_kwargs={
                    "csv": csv,
                    "cache_dir": kept,
                    "ranges": [part for whole in wholes for part in whole.cut(config.range_size)]
                    if streaming
                    else wholes,
                    "with_bytes": streaming or config.embed_images,
                },
            )
        ]

    def _generate_tables(
        self, csv: str, cache_dir: str, ranges: list[Range], with_bytes: bool
    ) -> Iterator[tuple[str, pa.Table]]:
        join = Join(open_metadata(csv, cache_dir))
        for part in ranges:
            for number, table in enumerate(part.read(join, with_bytes=with_bytes)):
                yield f"{part.shard}:{part.start}:{number}", table

    def _generate_more_gen_kwargs(
        self, ranges: list[Range], **gen_kwargs: Any
    ) -> Iterator[dict[str, Any]]:
        """Each range in two, for `IterableDataset.reshard()`."""
        yield {
            "ranges": [
                half for part in ranges for half in part.cut(-(-(part.end - part.start) // 2))
            ],
            **gen_kwargs,
        }

    def _prepare_split_single(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """As in the parent, but an error of ours reaches the user as it is, also from another
        process.
        """
        try:
            yield from super()._prepare_split_single(*args, **kwargs)
        except datasets.exceptions.DatasetGenerationError as err:
            if isinstance(err.__cause__, PassError):
                raise err.__cause__ from None
            raise

    def _prepare_split(
        self, split_generator: datasets.SplitGenerator, *args: Any, **kwargs: Any
    ) -> None:
        super()._prepare_split(split_generator, *args, **kwargs)
        if (kwargs.get("num_proc") or 1) > 1:  # each process saw only its own shards
            self._check_unique(split_generator.name)

    def _check_unique(self, split: str) -> None:
        files = fsspec.filesystem("file").glob(f"{self._output_dir}/{self.dataset_name}-{split}*")
        keys = Keys.concat(Keys.of(array) for file in files for array in _read_hashes(file))
        twice = keys.take(keys.order()).repeated()
        if twice is not None:
            raise ShardError(
                f"{self.config.data_dir}: expected each image once, found {twice}.jpg in two "
                "shards. Fetch the shards again, or leave one out with `shards=[...]`."
            )


def _read_hashes(file: str) -> Iterator[pa.StringArray]:
    """The column `hash` of a file that `datasets` prepared."""
    if file.endswith(".parquet"):
        yield from pq.read_table(file, columns=["hash"])["hash"].chunks
    else:
        yield from (batch.column("hash") for batch in pa.ipc.open_stream(pa.memory_map(file)))
