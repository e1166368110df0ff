"""The hook: makes `load_dataset("pass")` find our builder, and touches no other name.

`datasets` asks `datasets.load.dataset_module_factory(path)` what to load, and looks that function
up at every call. It is wrapped here: at once when `datasets` is imported already, else at the
moment when it is, so that importing pass_utils stays cheap.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import ReleaseError

logger = logging.getLogger(__name__)

NAME = "pass"
HUB_NAME, HUB_RELEASE = "yukimasano/pass", "v3"  # the release of the Hub's loading script
HUB_VARIABLE = "PASS_SERVE_HUB_NAME"
_LOAD, _INSPECT = "datasets.load", "datasets.inspect"  # both hold the function by name
# With pass.py: what shapes a prepared dataset.
_CODE = ("hashes.py", "metadata/*.py", "loading/*.py", "selection/*.py", "shards/*.py")


def register() -> None:
    """Make `load_dataset("pass")` work; called by `import pass_utils`, and harmless when called
    again.
    """
    if _LOAD in sys.modules:
        for name in (_LOAD, _INSPECT):
            if name in sys.modules:
                _route(sys.modules[name])
    elif not any(type(finder).__name__ == _WhenLoaded.__name__ for finder in sys.meta_path):
        sys.meta_path.insert(0, _WhenLoaded())


class _WhenLoaded(MetaPathFinder):
    """Waits for `datasets.load`, and wraps its factory before anything can copy it."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != _LOAD:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_route(module: ModuleType) -> None:
                execute(module)
                _route(module)

            spec.loader.exec_module = execute_and_route  # type: ignore[method-assign]
        return spec


def _route(module: ModuleType) -> None:
    factory: Callable[..., Any] = module.dataset_module_factory
    if hasattr(factory, "routes_pass"):
        return

    @functools.wraps(factory)
    def dataset_module_factory(path: str, *args: Any, **kwargs: Any) -> Any:
        if path == NAME:
            return _pass_module(**kwargs)
        if path == HUB_NAME and _serves_hub_name(**kwargs):
            return _pass_module(default_release=HUB_RELEASE)
        return factory(path, *args, **kwargs)

    dataset_module_factory.routes_pass = True  # type: ignore[attr-defined]
    module.dataset_module_factory = dataset_module_factory  # type: ignore[attr-defined]


def _serves_hub_name(*, revision: object = None, data_files: object = None, **_: object) -> bool:
    """Whether the Hub's name is ours too, where only a loading script is, which `datasets` >= 4
    runs no more.
    """
    if revision is not None or data_files is not None or os.environ.get(HUB_VARIABLE) == "0":
        return False
    _log_hub_name()
    return True


@functools.cache
def _log_hub_name() -> None:
    """Logged once a process."""
    logger.warning(
        '%s: opened by pass_utils, as load_dataset("%s", "%s"). To have it from the Hub, pass '
        "`revision=`, or set %s=0.",
        HUB_NAME,
        NAME,
        HUB_RELEASE,
        HUB_VARIABLE,
    )


def _pass_module(
    *,
    revision: object = None,
    data_files: object = None,
    default_release: str | None = None,
    **_: object,
) -> Any:
    """What `datasets` needs to know to open PASS with our builder.

    Raises:
        ReleaseError: a revision or data files were asked for.
    """
    from datasets.load import DatasetModule

    if revision is not None or data_files is not None:
        asked = "revision" if revision is not None else "data_files"
        raise ReleaseError(
            f'{asked}: expected none, since "pass" has releases and a folder: '
            '`load_dataset("pass", "v3", data_dir=...)`.'
        )
    options = {} if default_release is None else {"default_release": default_release}
    return DatasetModule(f"{__package__}.builder", _code_hash(), {"dataset_name": NAME, **options})


@functools.cache
def _code_hash() -> str:
    """Changes when the code does, so that what older code prepared is not opened by newer."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in code_files())).hexdigest()


def code_files() -> list[Path]:
    """Returns the files whose change invalidates prepared datasets."""
    from ..releases import script

    package = Path(__file__).parent.parent
    ours = (file for pattern in _CODE for file in sorted(package.glob(pattern)))
    return [Path(script.__file__), *ours]
