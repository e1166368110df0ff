"""The `datasets` builder of PASS, which `load_dataset("pass")` opens after `import pass_utils`."""

from __future__ import annotations

import contextlib
import copy
import errno
import inspect
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import datasets
import fsspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pass_utils._datasets import leave_unpatched
from pass_utils._util.cache import cache_dir
from pass_utils.errors import DownloadError, PassError, ReleaseError, SelectionError, ShardError
from pass_utils.hashes import Keys
from pass_utils.loading.parts import Listed, Range
from pass_utils.loading.rows import Join
from pass_utils.metadata import open_metadata
from pass_utils.net.session import check_online
from pass_utils.releases import File, Release, choose_shards, file_url, find_release, script
from pass_utils.selection.lists import read_hashes
from pass_utils.selection.record import Hashes, Selection
from pass_utils.selection.sample import choose, choose_hashes
from pass_utils.transfer.download import download_subset
from pass_utils.transfer.fetch import fetch
from pass_utils.transfer.folder import file_stamp, find_files, release_in, shards_of
from pass_utils.transfer.planning import chosen_files
from pass_utils.transfer.withdrawn import check_release_list, log_withdrawn_since, still_there

logger = logging.getLogger(__name__)

_CHOICES = (
    *("sample", "seed", "include", "exclude"),
    *("drop_withdrawn", "has_gps", "min_date", "max_date", "per_creator"),
)
RANGE_SIZE = 256 << 20  # bytes


@dataclass
class PassConfig(script.PASSConfig):
    """What to open and how.

    `data_dir`: folder with the shards and the CSV. `shards`: their numbers, None for all.
    `embed_images`: write the bytes of the images into the Arrow cache instead of their places in
    the tars. `range_size`: bytes of a shard that streams read as one unit. `base_url`: a mirror
    laid out as Zenodo is, None for the environment's `PASS_BASE_URL` or Zenodo.

    `sample`, `seed`, `include`, `exclude`, `has_gps`, `min_date`, `max_date` and `per_creator`
    choose images, as in `download`. Without `data_dir`, these images alone are fetched; with it,
    they are chosen among those there. `drop_withdrawn` leaves out what the release of that name
    withdrew, by its list, which is fetched once or given as `release_list`.
    """

    embed_images: bool = False
    range_size: int = RANGE_SIZE
    base_url: str | None = None
    sample: int | None = None
    seed: int = 0
    include: Hashes | None = None
    exclude: Hashes | None = None
    drop_withdrawn: str | None = None
    release_list: Hashes | None = None
    has_gps: bool | None = None
    min_date: str | date | None = None
    max_date: str | date | None = None
    per_creator: int | None = None

    def choose_nothing(self) -> None:
        """Take all images."""
        self.sample = self.include = self.exclude = self.has_gps = None
        self.min_date = self.max_date = self.per_creator = None
        self.drop_withdrawn = self.release_list = None

    def check_no_shards(self) -> None:
        """Refuse shards where single images are fetched.

        Raises:
            SelectionError: shards were chosen.
        """
        if self.shards is not None:
            raise SelectionError(
                "shards: expected none beside a choice of images, since only the shards know which "
                "images are in them. Leave them out, or open a folder of shards with `data_dir`."
            )

    def read_selection(self) -> Selection:
        """Which images were asked for; lists are read, once for each `create_config_id`."""
        return Selection(**{name: getattr(self, name) for name in _CHOICES})

    @property
    def release(self) -> Release:
        """The record of the release."""
        return find_release(self.name)

    @property
    def shards_release(self) -> Release:
        """The record of the release that the shards are of: an earlier one, where a folder has the
        CSV of this one beside them.
        """
        return self.release if self.data_dir is None else shards_of(self.data_dir, self.release)

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
        self.selection = self.read_selection()
        check_release_list(self.selection, self.release_list)
        identity: dict[str, Any] = {
            "record": self.release.record,
            "embed_images": self.embed_images,
        }
        if self.data_dir is None:
            identity["shards"] = list(shards)
        else:
            identity["files"] = [
                (path, file_stamp(path).hex)
                for path in find_files(self.data_dir, self.release, shards=self.shards)
            ]
        if self.selection.by_metadata:
            identity["selection"] = self.selection.digest
        if self.release_list is not None:
            identity["release_list"] = read_hashes(self.release_list).digest
        return str(super().create_config_id(identity, custom_features))


# of a cache that is full, read-only, of another user, or below a file
_CACHE_ERRNOS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
}


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
        self,
        *args: Any,
        config_name: str | None = None,
        data_dir: str | None = None,
        default_release: str | None = None,
        **kwargs: Any,
    ) -> None:
        if config_name is not None:
            find_release(config_name)
        elif data_dir is not None:
            config_name = release_in(data_dir, default=default_release).name
        else:
            config_name = default_release
        with _cache_errors():
            super().__init__(*args, config_name=config_name, data_dir=data_dir, **kwargs)

    def _info(self) -> datasets.DatasetInfo:
        return script.PASS._info(self)

    def download_and_prepare(self, *args: Any, **kwargs: Any) -> None:
        """As in the parent; without `data_dir`, the shards are first fetched into the cache, and
        then opened there. Parquet files get the bytes of the images: they are for other places.
        """
        call = inspect.signature(super().download_and_prepare).bind(*args, **kwargs).arguments
        embed = call.get("file_format", "arrow") != "arrow" and not self.config.embed_images
        folder = self._download() if self.config.data_dir is None else None
        if embed or folder is not None:
            self.config = copy.copy(self.config)  # it may be the class's own
            self.config.embed_images |= embed
            if folder is not None:
                self.config.data_dir = folder
                if self.config.selection.is_subset:
                    self.config.choose_nothing()  # there is nothing else in the folder
            features = self.info.features
            self.config_id = self.config.create_config_id(
                {}, None if features == script.FEATURES else features
            )
            self._cache_dir = self._output_dir = self._build_cache_dir()
        with _cache_errors():
            super().download_and_prepare(*args, **kwargs)

    def as_dataset(self, *args: Any, **kwargs: Any) -> Any:
        """As in the parent; what was withdrawn of all of a release is logged."""
        self._log_withdrawn()
        return super().as_dataset(*args, **kwargs)

    def _log_withdrawn(self) -> None:
        """Log once what a later release has withdrawn of this one, if it is opened completely."""
        release = self.config.release
        if self.config.selection.by_metadata or self.config.shards is not None:
            return
        if self.config.data_dir is not None:
            sizes = [part.size for part in self._find_files()[1]]
            if sizes != [file.size for file in release.shards.values()]:
                return  # a miniature, or shards of another release
        log_withdrawn_since(release)

    def as_streaming_dataset(self, *args: Any, **kwargs: Any) -> Any:
        """As in the parent; the CSV is fetched and parsed now, before the workers want it."""
        self._have_metadata()
        self._log_withdrawn()
        return super().as_streaming_dataset(*args, **kwargs)

    def _have_metadata(self) -> None:
        """Have the CSV, fetched if need be, and parsed."""
        config = self.config
        if config.data_dir is None:
            check_online("the images" if config.selection.is_subset else "the shards")
            self._fetch([config.release.metadata])
        open_metadata(self._find_files()[0], cache_dir(self._cache_dir_root))

    def _find_files(self) -> tuple[str, list[Range]]:
        """The path of the CSV, and each shard as one range; asks nothing of the network, and of the
        disk only names and sizes.
        """
        config, release = self.config, self.config.release
        if config.data_dir is None:
            files = choose_shards(release, config.shards).values()
            urls = [(file_url(release, file, config.base_url), file.size) for file in files]
            csv = f"{self._downloads}/{release.metadata.name}"
        else:
            csv, *tars = find_files(config.data_dir, release, shards=config.shards)
            urls = [(tar, file_stamp(tar).size) for tar in tars]
        return csv, [Range(url, 0, size, size) for url, size in urls]

    def _download(self) -> str:
        """Have the shards, or the images that were chosen, in the cache; return the folder."""
        config, selection = self.config, self.config.selection
        if not selection.is_subset:
            return self._fetch(chosen_files(config.release, config.shards))
        config.check_no_shards()
        subset = f"{self._downloads}-{selection.digest[:16]}"
        download_subset(
            subset,
            config.release,
            selection,
            release_list=config.release_list,
            base_url=config.base_url,
            retry_missing=False,
            wait=True,
            cache_root=self._cache_dir_root,
        )
        return subset

    def _fetch(self, files: list[File]) -> str:
        """Have these files of the release in the cache, and return the folder; the first of several
        processes fetches them, the others wait.
        """
        release, base_url = self.config.release, self.config.base_url
        return str(fetch(release, files, self._downloads, base_url=base_url, wait=True))

    @property
    def _downloads(self) -> str:
        """Where fetched files of this release are kept."""
        return f"{self._cache_downloaded_dir}/pass-{self.config.release.record}"

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        config, selection = self.config, self.config.selection
        singles = config.data_dir is None and selection.is_subset
        parts: list[Range] | list[Listed]
        if singles:
            config.check_no_shards()
        csv, wholes = self._find_files()
        kept = str(cache_dir(self._cache_dir_root))
        streaming = dl_manager.is_streaming
        if selection.is_subset or not streaming:  # a plain stream is described without any file
            self._have_metadata()
        chosen: npt.NDArray[np.bool_] | None = None
        still = still_there(
            selection,
            config.release_list,
            csv,
            base_url=config.base_url,
            cache_root=self._cache_dir_root,
        )
        if singles:
            parts = Listed.cut(choose_hashes(csv, kept, selection, still))
        else:
            if selection.by_metadata:
                metadata, rows = choose(csv, kept, selection, still)
                chosen = np.zeros(len(metadata), np.bool_)
                chosen[rows] = True
            step = config.range_size
            parts = [part for whole in wholes for part in whole.cut(step)] if streaming else wholes
        return [
            datasets.SplitGenerator(
                name=datasets.Split.TRAIN,
                gen_kwargs={
                    "csv": csv,
                    "cache_dir": kept,
                    "parts": parts,
                    "with_bytes": streaming or config.embed_images,
                    "chosen": chosen,
                    "withdrawn": config.shards_release.record != config.release.record,
                    "withheld": selection.keys_of("withhold_names"),
                },
            )
        ]

    def _generate_tables(
        self,
        csv: str,
        cache_dir: str,
        parts: list[Range] | list[Listed],
        with_bytes: bool,
        chosen: npt.NDArray[np.bool_] | None,
        withdrawn: bool,
        withheld: Keys | None,
    ) -> Iterator[tuple[str, pa.Table]]:
        metadata = open_metadata(csv, cache_dir)
        unnamed = None if withheld is None else withheld.find(metadata.keys) >= 0
        join = Join(metadata, chosen, unnamed, withdrawn=withdrawn)
        for part in parts:
            tables = part.read(join, with_bytes=with_bytes, cache_dir=cache_dir)
            for number, table in enumerate(tables):
                yield f"{part.key}:{number}", table

    def _generate_more_gen_kwargs(
        self, parts: list[Range] | list[Listed], **gen_kwargs: Any
    ) -> Iterator[dict[str, Any]]:
        """Each part in two, for `IterableDataset.reshard()`."""
        yield {"parts": [half for part in parts for half in part.halves()], **gen_kwargs}

    def _prepare_split_single(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """As in the parent, but an error of ours reaches the user as it is, also from another
        process.
        """
        try:
            yield from super()._prepare_split_single(*args, **kwargs)
        except datasets.exceptions.DatasetGenerationError as err:
            if isinstance(err.__cause__, PassError):
                raise err.__cause__ from None
            if isinstance(err.__cause__, OSError):
                with _cache_errors():
                    raise err.__cause__ from None
            raise

    def _prepare_split(
        self, split_generator: datasets.SplitGenerator, *args: Any, **kwargs: Any
    ) -> None:
        super()._prepare_split(split_generator, *args, **kwargs)
        self._check_rows(split_generator)
        self._warn_of_lacking(split_generator)
        if (kwargs.get("num_proc") or 1) > 1:  # each process saw only its own shards
            self._check_unique(split_generator.name)

    def _check_rows(self, split_generator: datasets.SplitGenerator) -> None:
        """All shards of a release, each of the right size, have as many images as the release."""
        release, parts = self.config.release, split_generator.gen_kwargs["parts"]
        rows = split_generator.split_info.num_examples
        sizes = sorted(part.size for part in parts if isinstance(part, Range))
        expected = self.config.shards_release.shards.values()
        complete = sizes == sorted(file.size for file in expected)
        if complete and split_generator.gen_kwargs["chosen"] is None and rows != release.images:
            raise ShardError(
                f"{self.config.data_dir}: expected {release.images:,} images in the shards of "
                f"{release.name}, found {rows:,}, though each has its size. Run `pass-utils verify "
                f"{self.config.data_dir}` to see which is damaged."
            )

    def _warn_of_lacking(self, split_generator: datasets.SplitGenerator) -> None:
        """Log how many of the images that were chosen are not in the shards."""
        chosen = split_generator.gen_kwargs["chosen"]
        found = split_generator.split_info.num_examples
        if self.config.selection.is_subset and chosen is not None and found < chosen.sum():
            logger.warning(
                "%s: %s of %s chosen images are not in the shards that were opened.",
                self.config.data_dir,
                f"{chosen.sum() - found:,}",
                f"{chosen.sum():,}",
            )

    def _check_unique(self, split: str) -> None:
        files = fsspec.filesystem("file").glob(f"{self._output_dir}/{self.dataset_name}-{split}*")
        keys = Keys.concat(Keys.of(array) for file in files for array in _read_hashes(file))
        twice = keys.take(keys.order()).repeated()
        if twice is not None:
            raise ShardError(
                f"{self.config.data_dir}: expected each image once, found {twice}.jpg in two "
                "shards. Fetch the shards again, or leave one out with `shards=[...]`."
            )


leave_unpatched(Pass)


@contextlib.contextmanager
def _cache_errors() -> Iterator[None]:
    """What `datasets` cannot write in its cache is an error of ours."""
    try:
        yield
    except OSError as err:
        if err.errno not in _CACHE_ERRNOS and "disk space" not in str(err):
            raise
        raise DownloadError(
            f"expected a cache that can be written, found: {err}. Make room or fix its "
            "permissions, or choose another one with `cache_dir=` or HF_HOME."
        ) from err


def _read_hashes(file: str) -> Iterator[pa.StringArray]:
    """The column `hash` of a file that `datasets` prepared."""
    if file.endswith(".parquet"):
        yield from pq.read_table(file, columns=["hash"])["hash"].chunks
    else:
        yield from (batch.column("hash") for batch in pa.ipc.open_stream(pa.memory_map(file)))
