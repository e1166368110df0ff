"""What a push of PASS brings beside the images: the configs `sample` and `metadata`, and images for
the card, collected while the rows pass by.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.compute as pc

from .._util.files import hash_file
from ..export.credits import has_columns
from ..export.outputs import Output
from ..export.parquet import ROW_GROUP_ROWS, file_name, write_tables
from ..hashes import are_hashes
from .contents import Config, SplitContents
from .images import CardImage, card_images
from .metadata import MetadataFile, metadata_features
from .sample import ROWS, SEED, SampleRows
from .uploading import UploadSession

SAMPLE, METADATA = "sample", "metadata"


def extra_name(config: str, kind: str) -> str:
    """The name of a config beside another one, which is that of its folder, too.

    Args:
        config: The name of the config with the images.
        kind: `sample` or `metadata`.
    """
    return kind if config == "default" else f"{config}-{kind}"


class Extras:
    """Collects them; a context manager. There are none where a row has no hash of PASS.

    Args:
        features: Of the rows.
        work: A folder for files that wait to be uploaded.
        main: The config with the images, as far as it is known before the push.
        changes: What was done to the images, for credits.
    """

    def __init__(
        self, features: datasets.Features, work: Path, main: Config, *, changes: str | None
    ) -> None:
        self.possible = has_columns(features)
        self.sample: Config | None = None
        self.metadata: Config | None = None
        self.images: list[CardImage] = []
        self._features, self._work, self._main, self._changes = features, work, main, changes
        self._samples: dict[str, SampleRows] = {}
        self._files: dict[str, MetadataFile] = {}
        self._parts: dict[str, SplitContents] = {}
        self._stack = contextlib.ExitStack()

    def add(self, split: str, table: pa.Table) -> None:
        """Look at some rows.

        Args:
            split: Theirs.
            table: With the bytes of their images.
        """
        self.possible &= bool(
            has_columns(self._features) and pc.all(are_hashes(table["hash"])).as_py() is not False
        )
        if not self.possible:
            return
        if split not in self._files:
            self._samples[split] = SampleRows(table.schema, count=ROWS, seed=SEED)
            file = MetadataFile(self._features, self._path(split), changes=self._changes)
            self._files[split] = self._stack.enter_context(file)
            self._parts[split] = SplitContents(files=1)
        self._samples[split].add(table)
        part = self._parts[split]
        part.row_bytes += self._files[split].add(table)
        part.rows += len(table)

    def _path(self, split: str) -> Path:
        return self._work / f"{METADATA}-{split}.parquet"

    def upload(self, session: UploadSession, main: Config, *, prefix: str) -> None:
        """Upload files and images; then the configs are known.

        Args:
            session: Takes the files.
            main: The config with the images, as it was written.
            prefix: Of the paths of the images in the repository.
        """
        self._stack.close()
        if not self.possible or not self._files:
            return
        name = extra_name(main.name, METADATA)
        files = {split: f"{name}/{file_name(split, 0, 1)}" for split in self._files}
        for split, path in files.items():
            self._parts[split].file_bytes = self._path(split).stat().st_size
            session.upload(path, self._path(split), hash_file(self._path(split)).hexdigest())
        features = metadata_features(self._features)
        self.metadata = Config(name, features, files, self._parts)
        self.sample = self._upload_sample(session, main)
        rows = next(iter(self._samples.values())).table()
        self.images = card_images(rows, self._features, self._work, prefix=prefix)

    def _upload_sample(self, session: UploadSession, main: Config) -> Config:
        name = extra_name(main.name, SAMPLE)
        files, parts = dict(main.files), dict(main.parts)
        output = Output(self._work)
        for split, sample in self._samples.items():
            if sample.passed <= ROWS:  # all of them: no second file
                continue
            table, file = sample.table(), f"{SAMPLE}-{split}.parquet"
            with output.create(file) as sink:
                begins = range(0, len(table), ROW_GROUP_ROWS)
                groups = (table.slice(begin, ROW_GROUP_ROWS) for begin in begins)
                write_tables(sink, groups, self._features)
            files[split] = f"{name}/{file_name(split, 0, 1)}"
            parts[split] = SplitContents(len(table), 1, sink.size, table.nbytes)
            session.upload(files[split], self._work / file, sink.sha256)
        return Config(name, self._features, files, parts)

    def __enter__(self) -> Extras:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()
