"""Shards and CSV in, rows out, in the historical loader's way: the CSV as a pandas frame, the tars
walked by `tarfile`.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def historical_rows(folder: Path) -> Iterator[dict[str, Any]]:
    """The rows of a folder; each image as `{"path", "bytes"}`."""
    import pandas as pd

    frame = pd.read_csv(
        folder / "pass_metadata.csv", index_col="hash", keep_default_na=False, dtype=str
    )
    for shard in sorted(folder.glob("PASS.*.tar")):
        with tarfile.open(shard, "r|") as tar:
            for member in tar:
                if not member.isfile():
                    continue
                image_hash = member.name.rpartition("/")[2].partition(".")[0]
                row = frame.loc[image_hash]
                file = tar.extractfile(member)
                yield {
                    "image": {"path": member.name, "bytes": file.read() if file else None},
                    "creator_username": row["unickname"],
                    "hash": image_hash,
                    "gps_latitude": float(row["latitude"]) if row["latitude"] else None,
                    "gps_longitude": float(row["longitude"]) if row["longitude"] else None,
                    "date_taken": pd.Timestamp(row["datetaken"]).to_pydatetime()
                    if row["datetaken"]
                    else None,
                }
