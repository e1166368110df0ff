"""PASS on a modern Hugging Face stack.

Importing this package makes `datasets.load_dataset("pass")` work on every `datasets` from 2.21 on:

    import pass_utils
    from datasets import load_dataset

    ds = load_dataset("pass", data_dir="~/pass", split="train")

What can be done with what it gives, and with most other datasets with images:

- choose: `filter_hashes`, `drop_withdrawn`, `filter_resolution`, `add_resolution`, `image_size`,
  `split_by_creator`, `limit_per_creator`
- describe: `write_report`, `write_statement`
- credit: `credits`, `write_attribution`, `dataset_credit`
- pass on: `write_parquet`, `write_webdataset`, `write_imagefolder`, `push_to_hub`,
  `croissant_jsonld`

The files of a release, or single images of it, are fetched by `download` and checked by `verify`;
`find_image` gives the row of one image. `RELEASES` has a `Release`
by each name, `"v2"` and `"v3"`, and `dummy_folder` a miniature of it. Every error on purpose is a
`PassError`. The manual is README.md, with pages in `docs/`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__ as __version__
from .errors import (
    AttributionError,
    DatasetError,
    DownloadError,
    ExportError,
    ImageError,
    MetadataError,
    PassError,
    ReleaseError,
    RemoteError,
    ReportError,
    ResolutionError,
    SelectionError,
    ShardError,
    TruncatedImageError,
)
from .loading.registry import register

if TYPE_CHECKING:
    from .attribution.writing import Credit, credits, dataset_credit, write_attribution
    from .croissant.describing import croissant_jsonld
    from .export.resume import Written
    from .export.writing import write_imagefolder, write_parquet, write_webdataset
    from .hub.push import push_to_hub
    from .images.header import image_size
    from .loading.lookup import find_image
    from .releases import RELEASES, File, Release, dummy_folder
    from .report.writing import write_report
    from .selection.creators import limit_per_creator, split_by_creator
    from .selection.membership import filter_hashes
    from .selection.resolution import add_resolution, filter_resolution
    from .statement.writing import write_statement
    from .statistics import Statistics
    from .transfer.download import download
    from .transfer.verification import Finding, verify
    from .transfer.withdrawn import drop_withdrawn

__all__ = [
    "RELEASES",
    "AttributionError",
    "Credit",
    "DatasetError",
    "DownloadError",
    "ExportError",
    "File",
    "Finding",
    "ImageError",
    "MetadataError",
    "PassError",
    "Release",
    "ReleaseError",
    "RemoteError",
    "ReportError",
    "ResolutionError",
    "SelectionError",
    "ShardError",
    "Statistics",
    "TruncatedImageError",
    "Written",
    "add_resolution",
    "credits",
    "croissant_jsonld",
    "dataset_credit",
    "download",
    "drop_withdrawn",
    "dummy_folder",
    "filter_hashes",
    "filter_resolution",
    "find_image",
    "image_size",
    "limit_per_creator",
    "push_to_hub",
    "split_by_creator",
    "verify",
    "write_attribution",
    "write_imagefolder",
    "write_parquet",
    "write_report",
    "write_statement",
    "write_webdataset",
]

_MODULE_OF = {  # imported when asked for
    "RELEASES": "releases",
    "Credit": "attribution.writing",
    "File": "releases",
    "Finding": "transfer.verification",
    "Release": "releases",
    "Statistics": "statistics",
    "Written": "export.resume",
    "add_resolution": "selection.resolution",
    "credits": "attribution.writing",
    "croissant_jsonld": "croissant.describing",
    "dataset_credit": "attribution.writing",
    "download": "transfer.download",
    "drop_withdrawn": "transfer.withdrawn",
    "dummy_folder": "releases",
    "filter_hashes": "selection.membership",
    "filter_resolution": "selection.resolution",
    "find_image": "loading.lookup",
    "image_size": "images.header",
    "limit_per_creator": "selection.creators",
    "push_to_hub": "hub.push",
    "split_by_creator": "selection.creators",
    "verify": "transfer.verification",
    "write_attribution": "attribution.writing",
    "write_imagefolder": "export.writing",
    "write_parquet": "export.writing",
    "write_report": "report.writing",
    "write_statement": "statement.writing",
    "write_webdataset": "export.writing",
}

register()


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
