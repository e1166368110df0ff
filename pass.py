"""PASS, Pictures without humAns for Self-Supervision: ten tar shards and a metadata CSV in, rows of
the card's schema out.

The loading script of the dataset, whole in one file: what PASS is (releases, files, checksums,
features, citation) and a `GeneratorBasedBuilder` that needs nothing but `datasets`, `pyarrow` and
the standard library. `datasets` < 4 runs it:

    load_dataset("pass.py", trust_remote_code=True, streaming=True)

On every `datasets` from 2.21 on, `import pass_utils` makes `load_dataset("pass")` work, faster and
without a second copy.
"""

import bisect
import json
import os
import re
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

import datasets
import pyarrow as pa
import pyarrow.csv

BASE_URL = "https://zenodo.org/records"
HOMEPAGE = "https://www.robots.ox.ac.uk/~vgg/research/pass/"
LICENSE = (
    "Creative Commons Attribution 4.0 International (dataset); Creative Commons Attribution 2.0 "
    "(each photo)"
)
DESCRIPTION = (
    "PASS (Pictures without humAns for Self-Supervision) holds 1.4 million CC-BY photographs "
    "without people, each with its creator, for self-supervised pretraining in place of ImageNet."
)
CITATION = """\
@Article{asano21pass,
author = "Yuki M. Asano and Christian Rupprecht and Andrew Zisserman and Andrea Vedaldi",
title = "PASS: An ImageNet replacement for self-supervised pretraining without humans",
journal = "NeurIPS Track on Datasets and Benchmarks",
year = "2021"
}
"""
FEATURES = datasets.Features(
    {
        "image": datasets.Image(),
        "creator_username": datasets.Value("string"),
        "hash": datasets.Value("string"),
        "gps_latitude": datasets.Value("float32"),
        "gps_longitude": datasets.Value("float32"),
        "date_taken": datasets.Value("timestamp[us]"),
    }
)
METADATA_FILE = "pass_metadata.csv"
# The CSV's column, the dataset's column, its Arrow type. The CSV also has an index without a name
# and `licensename`.
METADATA_COLUMNS = (
    ("hash", "hash", pa.string()),
    ("unickname", "creator_username", pa.string()),
    ("latitude", "gps_latitude", pa.float32()),
    ("longitude", "gps_longitude", pa.float32()),
    ("datetaken", "date_taken", pa.timestamp("us")),
)
# an MD5 printed byte by byte without zero padding
IMAGE_NAME = re.compile(r"([0-9a-f]{16,32})\.jpg")


class File(NamedTuple):
    """A file of a release: its `name`, its `size` in bytes and its `sha256` in hex."""

    name: str
    size: int
    sha256: str


class Release(NamedTuple):
    """What is known of a release before a byte of it is fetched.

    `version` is that of the loading script that brought it to the Hub under its `name`, `record`
    Zenodo's number for it, `date` that of its publication, YYYY-MM-DD. `images` are the rows,
    `image_bytes` the sum of the sizes of all JPEGs, and `files` the CSV and the tars.
    """

    name: str
    version: str
    record: int
    date: str
    images: int
    image_bytes: int
    files: Tuple[File, ...]

    def __repr__(self) -> str:
        return "<Release {} of {}: {:,} images, {:.1f} GB, doi {}>".format(*self._figures())

    def _repr_html_(self) -> str:
        """The release in a notebook, with a link to its record."""
        return (
            '<b>PASS {}</b> of {}: {:,} images, {:.1f} GB, <a href="https://doi.org/{}">doi {}</a>'
        ).format(*self._figures(), self.doi)

    def _figures(self) -> Tuple[str, str, int, float, str]:
        return self.name, self.date, self.images, self.download_size / 1e9, self.doi

    @property
    def doi(self) -> str:
        """The DOI that Zenodo gave the record."""
        return f"10.5281/zenodo.{self.record}"

    @property
    def metadata(self) -> File:
        """The metadata CSV."""
        return next(file for file in self.files if file.name == METADATA_FILE)

    @property
    def shards(self) -> Dict[int, File]:
        """The tars by shard number."""
        named = ((re.fullmatch(r"PASS\.(\d+)\.tar", file.name), file) for file in self.files)
        return {int(match[1]): file for match, file in named if match}

    @property
    def download_size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    def url(self, file: File, base_url: str = BASE_URL) -> str:
        """Where `file` lies on Zenodo, or on a mirror that is laid out as Zenodo is."""
        return f"{base_url.rstrip('/')}/{self.record}/files/{file.name}"


# Sizes and checksums as published with the Zenodo records.
RELEASES = {
    "v2": Release(
        name="v2",
        version="1.0.0",
        record=5570664,
        date="2021-10-14",
        images=1439719,
        image_bytes=178578279339,
        files=(
            File(
                METADATA_FILE,
                151124344,
                "86eeb812aa5fed17eb06f6902c77f695c2a17de489569428833526adc61fe669",
            ),
            File(
                "PASS.0.tar",
                18719498240,
                "4f1380dad26a51c8ee4459943b795a71df0b1fe228eec8294c39f84215d8252d",
            ),
            File(
                "PASS.1.tar",
                18702233600,
                "f573d0b994224d2e5c8a47a4e16a228d64744ddf235fdae5704eb2843b2c8536",
            ),
            File(
                "PASS.2.tar",
                18708899840,
                "f46791122c4e75a77131b56b64eab6aa813de629a963f557c280a626a636fbbd",
            ),
            File(
                "PASS.3.tar",
                18705152000,
                "ee761f4792eb3e7160d4aa62cb59e0c4c263f64b4ac1ef621ab16103041200ba",
            ),
            File(
                "PASS.4.tar",
                18697226240,
                "e699129fc91e164a51c5e79267f5a288e8eb41979eab22455714ff1e90c9cb63",
            ),
            File(
                "PASS.5.tar",
                18690590720,
                "3bb284916640f216c554958030936c9e9930a517496310f0ffbaabde51e01c79",
            ),
            File(
                "PASS.6.tar",
                18693263360,
                "cb633e82e9fe9be2b81182fd5bff863f5b0a75373746169d0595be7fcdcc374e",
            ),
            File(
                "PASS.7.tar",
                18709043200,
                "236a0815368c339d14aa3634b0a3be11b9638d245200c78271a74b2c753c228e",
            ),
            File(
                "PASS.8.tar",
                18702499840,
                "91dec78455e56559cda092935ba01ac6978cea78d24e21e27f2dbc170314cf1a",
            ),
            File(
                "PASS.9.tar",
                11174297600,
                "fba7f2414beffa2163b6cec1641b9e434d54abaa1a509086d5bd22c3122537e2",
            ),
        ),
    ),
    "v3": Release(
        name="v3",
        version="2.0.0",
        record=6615455,
        date="2022-04-07",
        images=1439588,
        image_bytes=178563446100,
        files=(
            File(
                METADATA_FILE,
                152590171,
                "8b6fde80b48326bda9da0a7c48f92146a58a847f76a1dc40603b7e4f73f5e798",
            ),
            File(
                "PASS.0.tar",
                18704343040,
                "5ff59cbf372a05d82c22afa8191eb229959730fd371b84a0ec784e7f91b1d285",
            ),
            File(
                "PASS.1.tar",
                18675681280,
                "d7b3a1d82c9695f31e9d8ebb71f450afef39e3353c608971fc74780f59e909fd",
            ),
            File(
                "PASS.2.tar",
                18743080960,
                "b62021816caac550580fcace7e74e8cb7358663006a7e28707c602859aa51243",
            ),
            File(
                "PASS.3.tar",
                18694615040,
                "2af47eab3a026ca5a747cccf3d6ababbd5a9b028d99d6f76e92a01d2f2b64276",
            ),
            File(
                "PASS.4.tar",
                18673643520,
                "0170c73cc846e07fbf2bbece0ea62a893b0d440b937dcac965e5b25f4e75006d",
            ),
            File(
                "PASS.5.tar",
                18715811840,
                "79ccc5167fa0e7950fc6dca1eec3c9b8db1d31313a83c8a19d2f9b9a88d1eeaf",
            ),
            File(
                "PASS.6.tar",
                18728970240,
                "adabc1ab18be4587a4c1882633015845681e9d8551075406e8d83a025819eef6",
            ),
            File(
                "PASS.7.tar",
                18703380480,
                "8661044c3a46f1e2f5c2fa96b9deb48c6b2d218ac9753b139073186920c15ab7",
            ),
            File(
                "PASS.8.tar",
                18695772160,
                "0dba1ac815c001d9a83787321e1929b03cebcccc1a8f12725eec866e80480a1f",
            ),
            File(
                "PASS.9.tar",
                11152302080,
                "9a7ab254638f4bf21267aa0165452572ae52d82aabb451a65e56a2d51a17e982",
            ),
        ),
    ),
}


@dataclass
class PASSConfig(datasets.BuilderConfig):
    """Which part of a release, and where its files are.

    `data_dir` is a folder with the shards and the CSV; without it they come from `base_url`.
    `shards` are shard numbers, None for all.
    """

    shards: Optional[List[int]] = None
    base_url: str = BASE_URL


class PASS(datasets.GeneratorBasedBuilder):
    """The loading script: one config for each release, one split, images as `{"path": "<hash>.jpg",
    "bytes": ...}`.
    """

    BUILDER_CONFIG_CLASS = PASSConfig
    BUILDER_CONFIGS = [
        PASSConfig(
            name=release.name,
            version=datasets.Version(release.version),
            description=f"{release.images:,} images, released {release.date}",
        )
        for release in RELEASES.values()
    ]
    DEFAULT_CONFIG_NAME = "v2"

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(
            description=DESCRIPTION,
            features=FEATURES,
            homepage=HOMEPAGE,
            license=LICENSE,
            citation=CITATION,
        )

    def get_exported_dataset_info(self) -> datasets.DatasetInfo:
        """What dataset_infos.json says: it holds for a whole release from Zenodo, not for a part or
        for files of one's own.
        """
        if self.config.data_dir is not None or self.config.shards is not None:
            return datasets.DatasetInfo()
        info: datasets.DatasetInfo = super().get_exported_dataset_info()
        return info

    def _split_generators(self, dl_manager: Any) -> List[datasets.SplitGenerator]:
        release = RELEASES[self.config.name]
        chosen = self.config.shards
        numbers = sorted(release.shards) if chosen is None else chosen
        if (
            not isinstance(numbers, (list, tuple))
            or not numbers
            or any(type(number) is not int or number not in release.shards for number in numbers)
        ):
            raise ValueError(
                f"shards: expected numbers from {min(release.shards)} to {max(release.shards)}, "
                f"found {numbers}."
            )
        files = [release.metadata] + [release.shards[number] for number in numbers]
        if self.config.data_dir is not None:
            paths = [
                os.path.join(os.path.expanduser(self.config.data_dir), file.name) for file in files
            ]
            missing = [path for path in paths if not os.path.isfile(path)]
            if missing:
                raise FileNotFoundError(
                    f"data_dir: expected {len(paths)} files of release {release.name}, "
                    f"{', '.join(missing)} missing. "
                    "Download them, or pass `shards=[...]` for the tars that are there."
                )
        else:
            paths = dl_manager.download([release.url(file, self.config.base_url) for file in files])
        metadata, *shards = paths
        archives = [dl_manager.iter_archive(shard) for shard in shards]
        return [
            datasets.SplitGenerator(
                name=datasets.Split.TRAIN,
                gen_kwargs={"metadata": metadata, "shards": shards, "archives": archives},
            )
        ]

    def _generate_examples(
        self, metadata: str, shards: List[str], archives: List[Iterable[Tuple[str, Any]]]
    ) -> Iterator[Tuple[str, Dict[str, Any]]]:
        rows = _read_metadata(metadata)
        for shard, archive in zip(shards, archives):
            for path, file in archive:
                match = IMAGE_NAME.fullmatch(path.rpartition("/")[2])
                if match is None:
                    raise ValueError(f"{shard}: expected files named <hash>.jpg, found {path!r}.")
                row = _find(rows, match[1])
                if row is None:
                    raise ValueError(
                        f"{shard}: image {match[1]} has no row in {metadata}. Do shards and CSV "
                        "belong to one release?"
                    )
                yield match[1], {"image": {"path": match[0], "bytes": file.read()}, **row}


def _read_metadata(path: str) -> pa.Table:
    """The CSV sorted by hash, its columns named as the dataset's; empty fields are null."""
    with open(path, "rb") as file:  # `datasets` makes this `open` read URLs when it streams
        table = pa.csv.read_csv(
            file,
            convert_options=pa.csv.ConvertOptions(
                column_types={column: kind for column, _, kind in METADATA_COLUMNS},
                include_columns=[column for column, _, _ in METADATA_COLUMNS],
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    return (
        table.rename_columns([name for _, name, _ in METADATA_COLUMNS])
        .sort_by("hash")
        .combine_chunks()
    )


def _find(rows: pa.Table, image_hash: str) -> Optional[Dict[str, Any]]:
    """The row of an image by bisection, or None."""
    hashes = rows["hash"]
    place = bisect.bisect_left(
        range(len(hashes)), image_hash, key=lambda index: hashes[index].as_py()
    )
    if place == len(hashes) or hashes[place].as_py() != image_hash:
        return None
    found: Dict[str, Any] = rows.slice(place, 1).to_pylist()[0]
    return found


def dataset_infos() -> Dict[str, Dict[str, Any]]:
    """What dataset_infos.json holds, config by config."""
    infos = {}
    for release in RELEASES.values():
        major, minor, patch = map(int, release.version.split("."))
        infos[release.name] = {
            "description": DESCRIPTION,
            "citation": CITATION,
            "homepage": HOMEPAGE,
            "license": LICENSE,
            "features": FEATURES.to_dict(),
            "builder_name": "pass",
            "config_name": release.name,
            "version": {
                "version_str": release.version,
                "major": major,
                "minor": minor,
                "patch": patch,
            },
            "splits": {
                "train": {
                    "name": "train",
                    "num_bytes": release.image_bytes,
                    "num_examples": release.images,
                    "dataset_name": "pass",
                }
            },
            "download_checksums": {
                release.url(file): {"num_bytes": file.size, "checksum": file.sha256}
                for file in release.files
            },
            "download_size": release.download_size,
            "dataset_size": release.image_bytes,
            "size_in_bytes": release.download_size + release.image_bytes,
        }
    return infos


if __name__ == "__main__":
    print(json.dumps(dataset_infos(), indent=2))
