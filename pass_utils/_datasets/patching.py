"""Keeps `datasets` from patching the module of our builder, and from locking its package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from datasets import builder


def leave_unpatched(ours: type[builder.DatasetBuilder]) -> None:
    """Has `datasets` not extend a builder for streaming.

    It would replace `open`, `os.path.join` and the like in the builder's module by functions that
    read URLs, which ours does by itself. Before 4.0 it locks the module's package meanwhile, with a
    file beside it, which fails where the package may not be written.
    `datasets.builder.extend_dataset_builder_for_streaming`: seen in 2.21, 3.6, 4.0 to 5.2.

    Args:
        ours: The class of the builder; others are extended as before.
    """
    extend: Callable[[Any], None] | None = getattr(
        builder, "extend_dataset_builder_for_streaming", None
    )
    if extend is None:
        return

    def extend_others(instance: Any) -> None:
        if not isinstance(instance, ours):
            extend(instance)

    builder.extend_dataset_builder_for_streaming = extend_others
