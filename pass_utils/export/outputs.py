"""Output folder of an export, by path or URL: atomic writes, so that no file there is incomplete.

On disk a file is written as `.NAME.<random>.part`, synced to the device and renamed. Behind any
other URL that fsspec knows it appears when it is closed, as object stores have it, and not at all
when writing fails.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
from fsspec.implementations.local import LocalFileSystem

from .._util.lock import LockedError, file_lock
from ..errors import ExportError
from ..net.urls import redact_urls, without_secrets
from .sink import Sink, WriteBehind

LOCK_FILE = ".pass-utils-export.lock"
_PART = ".part"
_PART_NAME = re.compile(r"\..+\.[0-9a-f]{32}\.part")


class Output:
    """A folder to write to; pickles as its URL, for another process or machine.

    Args:
        folder: A path, or a URL that fsspec knows.

    Raises:
        ExportError: it is neither. All methods raise it when the folder cannot be read or written.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.url = os.fspath(folder)
        if "://" not in self.url and "::" not in self.url:
            self.url = str(Path(self.url).expanduser().absolute())
        self._fs, self._root = self._connect()
        self._path = Path(self._root) if isinstance(self._fs, LocalFileSystem) else None

    def _connect(self) -> tuple[Any, str]:
        """A new file system without caches, and the folder's path in it."""
        try:
            fs, root = fsspec.core.url_to_fs(
                self.url, skip_instance_cache=True, use_listings_cache=False
            )
        except (ValueError, ImportError, OSError) as err:
            what = redact_urls(str(err))
            raise ExportError(
                f"{self}: expected a path or a URL that fsspec knows, found: {what}. Check it, or "
                "install what it needs.",
                path=str(self),
            ) from err
        return fs, root

    def __reduce__(self) -> tuple[type[Output], tuple[str]]:
        return type(self), (self.url,)

    def __str__(self) -> str:
        """The URL for messages, without the user and the password that may be in it."""
        parts = self.url.split("::")  # fsspec's chains of URLs
        return "::".join(without_secrets(part) if "://" in part else part for part in parts)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Make the folder, and lock it against other exports until the block ends.

        Only folders on disk have locks.

        Raises:
            ExportError: another export has the lock, or the folder cannot be made.
        """
        with contextlib.ExitStack() as stack:
            if self._path is not None:
                with self._as_export_error(""):
                    try:
                        self._path.mkdir(parents=True, exist_ok=True)
                        stack.enter_context(file_lock(self._path / LOCK_FILE))
                    except LockedError as err:
                        raise ExportError(
                            f"{self}: expected a folder that nobody exports into, found another "
                            "export going on. Wait until it has ended, or choose another folder.",
                            path=str(self),
                        ) from err
            yield

    @contextlib.contextmanager
    def create(self, name: str) -> Iterator[Sink]:
        """Write a file atomically: it gets its name when the block ends well.

        Args:
            name: Its path in the folder.

        Yields:
            Where to write.

        Raises:
            ExportError: it cannot be written.
        """
        with (
            self._as_export_error(name),
            self._create_local(name)
            if self._path is not None
            else self._create_remote(name) as sink,
        ):
            yield sink

    @contextlib.contextmanager
    def _create_local(self, name: str) -> Iterator[Sink]:
        target, part = self._target(name)
        try:
            with part.open("xb", buffering=1 << 16) as file:
                with Sink(WriteBehind(file).write) as sink:
                    yield sink
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _create_remote(self, name: str) -> Iterator[Sink]:
        # a transaction is a state of the file system, and other threads may write as well
        fs, root = self._connect()
        target = f"{root}/{name}"
        fs.makedirs(fs._parent(target), exist_ok=True)
        with fs.transaction, fs.open(target, "wb") as file, Sink(file.write) as sink:
            yield sink

    @contextlib.contextmanager
    def create_folder(self, name: str) -> Iterator[Callable[[str, Any], object]]:
        """Write a folder of small files; on disk atomically, elsewhere file by file.

        Args:
            name: Its path in the folder.

        Yields:
            A function that writes a file, of a name and bytes.

        Raises:
            ExportError: it cannot be written.
        """
        with self._as_export_error(name):
            if self._path is None:
                yield lambda file, data: self._put(f"{name}/{file}", data)
                return
            target, part = self._target(name)
            names: set[str] = set()

            def put(file: str, data: Any) -> None:
                names.add(file)
                (part / file).write_bytes(data)

            try:
                part.mkdir()
                yield put
                self._remove_exported(target, names)
                part.replace(target)
            finally:
                shutil.rmtree(part, ignore_errors=True)

    def _remove_exported(self, target: Path, names: set[str]) -> None:
        """Remove a folder of an earlier run, which is damaged or was not recorded, but no file in
        it that no export wrote.
        """
        if target.is_symlink() or (target.exists() and not target.is_dir()):
            raise self._not_ours(str(target))
        for path in target.iterdir() if target.exists() else ():
            if path.name not in names or path.is_dir():
                raise self._not_ours(str(path))
        if target.exists():
            shutil.rmtree(target)

    def _not_ours(self, path: str) -> ExportError:
        return ExportError(
            f"{path}: expected only files that an export wrote, found one that none did. Move it "
            "elsewhere, and run the same again.",
            path=path,
        )

    def _put(self, name: str, data: Any) -> None:
        with self._create_remote(name) as sink:
            sink.write(data)

    def _target(self, name: str) -> tuple[Path, Path]:
        """The path of a file, and that of its temporary one: at the top of the folder, where no
        reader takes it for data.
        """
        assert self._path is not None
        target = self._path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        return target, self._path / f".{target.name}.{uuid4().hex}{_PART}"

    def size(self, name: str) -> int | None:
        """Bytes of a file, or of all files right in a folder; None where there is neither.

        Args:
            name: Its path in the folder.
        """
        with self._as_export_error(name):
            path = f"{self._root}/{name}"
            try:
                info = self._fs.info(path)
                if info["type"] != "directory":
                    return int(info["size"])
                return sum(int(file["size"]) for file in self._fs.ls(path, detail=True))
            except FileNotFoundError:
                return None

    def names(self) -> list[str]:
        """The names of the files and folders right in the folder."""
        with self._as_export_error(""):
            try:
                return sorted(
                    str(entry["name"]).rstrip("/").rpartition("/")[2]
                    for entry in self._fs.ls(self._root, detail=True)
                )
            except FileNotFoundError:
                return []

    def read(self, name: str) -> bytes:
        """The bytes of a small file.

        Args:
            name: Its path in the folder.
        """
        with self._as_export_error(name):
            return bytes(self._fs.cat_file(f"{self._root}/{name}"))

    def rename(self, old: str, new: str) -> None:
        """Rename a file.

        Args:
            old: Its path in the folder.
            new: Its new path.
        """
        with self._as_export_error(new):
            self._fs.mv(f"{self._root}/{old}", f"{self._root}/{new}")

    def read_json(self, name: str) -> Any:
        """What a JSON file holds; None where there is none.

        Args:
            name: Its path in the folder.

        Raises:
            ExportError: it is no JSON.
        """
        with self._as_export_error(name):
            try:
                return json.loads(self._fs.cat_file(f"{self._root}/{name}"))
            except FileNotFoundError:
                return None
            except (ValueError, RecursionError) as err:
                raise ExportError(
                    f"{self}/{name}: expected JSON, found: {err}. Delete it, and export again.",
                    path=str(self),
                ) from err

    def write_json(self, name: str, value: Any) -> None:
        """Write a value as a JSON file, atomically.

        Args:
            name: Its path in the folder.
            value: Anything that JSON can hold.
        """
        with self.create(name) as sink:
            sink.write(json.dumps(value, indent=1).encode())

    def remove_leftovers(self) -> None:
        """Delete the temporary files of processes that were killed."""
        with self._as_export_error(""):
            for part in self._path.glob(f".*{_PART}") if self._path is not None else ():
                if not _PART_NAME.fullmatch(part.name):
                    continue
                if part.is_dir():
                    shutil.rmtree(part, ignore_errors=True)
                else:
                    part.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _as_export_error(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as err:
            where, what = f"{self}/{name}".rstrip("/"), redact_urls(str(err))
            raise ExportError(
                f"{where}: expected to write it, found: {what}. Fix that, and run the same again "
                "to go on.",
                path=where,
            ) from err
