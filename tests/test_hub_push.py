"""Pushes: what is in the repository afterwards, in one commit, whatever the Hub does on the way."""

from __future__ import annotations

import csv
import io
import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest
import yaml
from datasets import Dataset, DatasetDict, load_dataset
from filelock import FileLock
from PIL import Image
from support.hub import TOKEN, Fault, Hub, Repository, connect

from pass_utils import (
    DatasetError,
    ExportError,
    ImageError,
    RemoteError,
    push_to_hub,
    split_by_creator,
)
from pass_utils.hub import retrying
from pass_utils.images.resizing import Resize
from pass_utils.releases import FEATURES, dummy_folder

ID = "me/pass"
WAIT = (("Retry-After", "1"),)
SMALL = 100_000  # bytes of a file: the miniature has five
SENT = 12  # large files: these five, the metadata, and six images for the card


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Iterator[Hub]:
    """A Hub without repositories, for which nobody waits for long."""
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.01)))
    with Hub(tmp_path / "kept") as hub:
        connect(hub, monkeypatch, tmp_path / "home")
        yield hub


@pytest.fixture
def ds() -> Dataset:
    """The bundled miniature of v2, opened in place."""
    return load_dataset("pass", data_dir=str(dummy_folder("v2")), split="train")


def raw(dataset) -> list[dict]:
    """The rows, with the bytes of their pictures."""
    rows = list(dataset.cast_column("image", datasets.Image(decode=False)))
    for row in rows:
        if row["image"]["bytes"] is None:
            with datasets.utils.file_utils.xopen(row["image"]["path"], "rb") as file:
                row["image"]["bytes"] = file.read()
        row["image"]["path"] = row["image"]["path"].rpartition("/")[2]
    return rows


def front(hub: Hub, revision: str = "main") -> dict:
    """The YAML of the card."""
    return yaml.safe_load(hub.files(ID, revision)["README.md"].decode().split("---\n")[1])


def info(hub: Hub, config: str = "default", revision: str = "main") -> dict:
    """What the YAML says of a config."""
    known = front(hub, revision)["dataset_info"]
    known = known if isinstance(known, list) else [known]
    return next(each for each in known if each.get("config_name", "default") == config)


def text(hub: Hub, revision: str = "main") -> str:
    """The card below its YAML."""
    return hub.files(ID, revision)["README.md"].decode().split("---\n", 2)[2]


def shards(hub: Hub, folder: str = "data", revision: str = "main") -> list[str]:
    """The Parquet files of a config."""
    return [path for path in hub.files(ID, revision) if re.match(rf"{folder}/.*\.parquet$", path)]


def push(*arguments, **options) -> str:
    """A push in small files."""
    return push_to_hub(*arguments, **{"max_shard_size": SMALL, "quiet": True, **options})


# --- what is there afterwards


def test_what_was_pushed_loads_back_streaming_and_not(hub, ds):
    assert push(ds, ID) == f"{hub.host}/datasets/{ID}"
    assert shards(hub) == [f"data/train-0000{n}-of-00005.parquet" for n in range(5)]
    for streaming in (False, True):
        back = load_dataset(ID, split="train", streaming=streaming)
        assert back.features == FEATURES
        assert list(back.features) == list(FEATURES)
        assert raw(back) == raw(ds)


@pytest.mark.slow
def test_another_process_loads_it_with_nothing_but_datasets(hub, ds, tmp_path):
    push(ds, ID)
    code = f"import datasets; print(datasets.load_dataset({ID!r}, split='train')['hash'][:])"
    environment = {**hub.environment, "HF_HOME": str(tmp_path / "other"), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.stdout == f"{ds['hash'][:]}\n", done.stderr


def test_the_card_has_yaml_for_the_hub(hub, ds):
    push(ds, ID)
    card = front(hub)
    sizes = [len(data) for path, data in hub.files(ID).items() if path.startswith("data/")]
    known = info(hub)
    assert known["download_size"] == sum(sizes)
    assert known["splits"][0] | {"num_bytes": 0} == {
        "name": "train",
        "num_bytes": 0,
        "num_examples": 24,
    }
    assert datasets.Features._from_yaml_list(known["features"]) == FEATURES
    files = [{"split": "train", "path": "data/train-*.parquet"}]
    assert card["configs"][0] == {"config_name": "default", "data_files": files}
    assert (card["license"], card["size_categories"]) == (["cc-by-4.0", "cc-by-2.0"], ["n<1K"])
    assert card["source_datasets"] == ["extended|yffc100M"]


def test_the_card_has_text_for_people(hub, ds):
    push(ds, ID, selection="shorter side of at least 100 pixels")
    shown = text(hub)
    sides = [Image.open(io.BytesIO(row["image"]["bytes"])).size for row in raw(ds)]
    shorter, longer = (sorted(map(side, sides)) for side in (min, max))
    for name, values in (("shorter", shorter), ("longer", longer)):
        quantiles = " | ".join(str(values[index]) for index in (0, 1, 5, 11, 17, 22, 23))
        assert f"| {name} side | {quantiles} |\n" in shown
    for part in (
        "24 photographs without people of [PASS]",
        "release v2 of 2021-10-14",
        "1,439,719 in all",
        "They were chosen: shorter side of at least 100 pixels.\n",
        f'ds = load_dataset("{ID}", split="train")',
        "https://creativecommons.org/licenses/by/4.0/",
        "https://creativecommons.org/licenses/by/2.0/",
        "[CREDITS.csv](CREDITS.csv)",
        "@Article{asano21pass",
        "Taken from 2004 to 2012",
    ):
        assert part in shown, part


def test_credits_are_a_csv_beside_the_data_and_no_part_of_it(hub, ds):
    push(ds, ID)
    rows = list(csv.DictReader(io.StringIO(hub.files(ID)["CREDITS.csv"].decode("utf-8-sig"))))
    assert [row["hash"] for row in rows] == ds["hash"][:]
    assert all(row["creator"] and row["license_url"] for row in rows)
    assert len(load_dataset(ID, split="train")) == 24


def test_a_stream_gives_the_same_repository(hub, ds):
    push(ds, ID)
    stream = load_dataset("pass", data_dir=str(dummy_folder("v2")), split="train", streaming=True)
    push(stream, "me/streamed")
    names = {"README.md", "croissant.json"}  # which have the address of the repository
    once, again = (
        {path: data for path, data in hub.files(repo_id).items() if path not in names}
        for repo_id in (ID, "me/streamed")
    )
    assert once == again
    assert len(hub.uploads) == SENT  # what the Hub has is not sent again for another name


def test_splits_are_files_of_their_own(hub, ds):
    push(DatasetDict(train=ds.select(range(20)), test=ds.select(range(20, 24))), ID)
    assert [split["num_examples"] for split in info(hub)["splits"]] == [20, 4]
    back = load_dataset(ID)
    assert raw(back["train"]) + raw(back["test"]) == raw(ds)


def test_a_card_of_foreign_images_does_not_mention_pass(hub, tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    some = Dataset.from_dict({"image": [str(tmp_path / "a.png")], "label": [3]}).cast_column(
        "image", datasets.Image()
    )
    push(some, ID)
    (row,) = load_dataset(ID, split="train")
    assert (row["image"].size, row["label"]) == ((30, 20), 3)
    assert set(hub.files(ID)) == {
        ".gitattributes",
        "README.md",
        "data/train-00000-of-00001.parquet",
    }
    assert not re.search("PASS|CC BY|CREDITS", text(hub))
    assert "license" not in front(hub)


# --- when, and once


def test_push_commits_once_and_keeps_two_files_on_disk(hub, ds, cache):
    seen = []

    def look(request):
        if request.method == "PUT":
            seen.append((set(hub.files(ID)), len(list(cache.glob("pass/push/*/train-*.parquet")))))

    hub.always = look
    push(ds, ID)
    assert len(seen) == SENT
    assert {frozenset(files) for files, _ in seen} == {frozenset({".gitattributes"})}
    assert max(count for _, count in seen) <= 2
    assert hub.log(ID) == ["initial commit", "Push 24 images"]
    assert [path.name for path in cache.glob("pass/push/*")] == ["me--pass.lock"]


def test_a_second_push_of_the_same_rows_sends_and_commits_nothing(hub, ds):
    push(ds, ID)
    before = len(hub.requests)
    push(ds, ID)
    assert {request.method for request in hub.requests[before:]} == {"GET", "HEAD", "POST"}
    assert [request.path for request in hub.requests[before:] if request.method == "POST"] == [
        "/api/repos/create"
    ]
    assert hub.log(ID) == ["initial commit", "Push 24 images"]


def test_push_replaces_the_files_of_its_config_only(hub, ds):
    push(ds, ID)
    push(ds.select(range(10)), ID, config_name="ten")
    push(ds.select(range(5)), ID)
    assert len(shards(hub)) == 1
    assert len(shards(hub, "ten")) > 1
    assert [config["config_name"] for config in front(hub)["configs"]] == [
        *("default", "metadata", "sample", "ten", "ten-metadata", "ten-sample")
    ]
    assert [len(load_dataset(ID, name, split="train")) for name in ("default", "ten")] == [5, 10]
    assert text(hub).count("# pass\n") == 2
    assert "| train | 24 |" not in text(hub)
    assert {"CREDITS.csv", "ten/CREDITS.csv"} <= set(hub.files(ID))


def test_what_others_wrote_into_the_card_stays(hub, ds):
    push(ds, ID)
    repository = hub.repositories[ID]
    edited = hub.files(ID)["README.md"].replace(
        b"pretty_name: Pictures without humAns", b"pretty_name: Mine, not"
    )
    edited = edited.replace(b"---\n<!-- begin", b"---\n# About me\n\n<!-- begin") + b"\nThe end.\n"
    files = {
        **repository.commits[repository.refs["main"]].files,
        "notes.txt": hub.keep(b"x"),
        "README.md": hub.keep(edited),
    }
    repository.add("main", "by hand", repository.refs["main"], files)
    push(ds.select(range(5)), ID)
    assert front(hub)["pretty_name"] == "Mine, not for Self-Supervision"
    assert text(hub).startswith("# About me\n\n<!-- begin")
    assert text(hub).endswith("-->\n\nThe end.\n")
    assert "| train | 5 | 1 |" in text(hub)
    assert hub.files(ID)["notes.txt"] == b"x"


@pytest.mark.slow
@pytest.mark.parametrize("failing", [False, True], ids=["", "with one request in ten failing"])
def test_a_push_killed_ten_times_uploads_each_file_once(hub, tmp_path, cache, failing):
    environment = {
        **os.environ,
        **hub.environment,
        "HF_HOME": str(tmp_path / "other"),
        "HF_DATASETS_CACHE": str(cache),
    }
    command = [sys.executable, str(Path(__file__).parent / "support" / "pushing.py")]
    kinds = itertools.cycle([Fault(status=500), Fault(cut=20), Fault(status=503)])
    count = itertools.count(1)

    def answer(request):
        if failing and next(count) % 10 == 0:
            return next(kinds)
        return Fault(silence=0.01) if request.method == "PUT" else None

    hub.always = answer
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as pusher:

        def start() -> int:
            print(ID, file=pusher.stdin, flush=True)
            return int(pusher.stdout.readline())

        for kill in range(10):
            process = start()
            wanted = kill + 1
            deadline = time.monotonic() + 30
            while len(hub.asked("PUT")) < wanted and time.monotonic() < deadline:
                os.sched_yield()
            os.kill(process, signal.SIGKILL)
            assert int(pusher.stdout.readline()) == -signal.SIGKILL
            assert hub.log(ID) == ["initial commit"]
        start()
        assert int(pusher.stdout.readline()) == 0
        pusher.stdin.close()
    hub.always = lambda request: None
    assert len(hub.uploads) == len(set(hub.uploads)) == len(shards(hub)) + SENT - 5
    assert len(shards(hub)) > 10
    assert hub.log(ID) == ["initial commit", "Push 24 images"]
    ds = load_dataset("pass", data_dir=str(dummy_folder("v2")), split="train")
    assert raw(load_dataset(ID, split="train")) == raw(ds)
    for config in ("metadata", "sample"):
        assert load_dataset(ID, config, split="train")["hash"][:] == ds["hash"][:]


# --- a Hub in trouble


@pytest.mark.slow
def test_push_succeeds_when_one_request_in_ten_fails(hub, ds, caplog):
    kinds = itertools.cycle(
        [
            Fault(status=500),
            Fault(status=429, headers=(("Retry-After", "1"),)),
            Fault(cut=20),
            Fault(status=503),
            Fault(lose=True),
        ]
    )
    count = itertools.count(1)
    hub.always = lambda request: next(kinds) if next(count) % 10 == 0 else None
    for rows in (24, 20, 16, 12, 8):
        push(ds.select(range(rows)), ID, max_shard_size=20_000)
        assert f"| train | {rows} |" in text(hub)
    hub.always = lambda request: None
    assert hub.log(ID) == [
        "initial commit",
        *(f"Push {rows} images" for rows in (24, 20, 16, 12, 8)),
    ]
    assert raw(load_dataset(ID, split="train")) == raw(ds.select(range(8)))


@pytest.mark.parametrize("create_pr", [False, True])
def test_a_commit_whose_answer_is_lost_is_not_made_again(hub, ds, create_pr):
    hub.faults.append(Fault("POST .*/commit/", lose=True))
    page = push(ds, ID, create_pr=create_pr)
    assert page == f"{hub.host}/datasets/{ID}" + ("/discussions/1" if create_pr else "")
    assert sorted(hub.repositories[ID].refs) == ["main", "refs/pr/1"][: 1 + create_pr]
    assert hub.log(ID, "refs/pr/1" if create_pr else "main") == [
        "initial commit",
        "Push 24 images",
    ]


def test_a_commit_that_comes_between_is_built_upon(hub, ds):
    def come_between(request):
        if re.search("POST .*/commit/", f"{request.method} {request.path}") and hub.log(ID) == [
            "initial commit"
        ]:
            repository = hub.repositories[ID]
            files = repository.commits[repository.refs["main"]].files
            repository.add(
                "main", "between", repository.refs["main"], {**files, "x.txt": hub.keep(b"x")}
            )

    hub.always = come_between
    push(ds, ID)
    assert hub.log(ID) == ["initial commit", "between", "Push 24 images"]
    assert hub.files(ID)["x.txt"] == b"x"
    assert len(hub.uploads) == SENT


def test_push_fails_when_others_keep_committing(hub, ds):
    numbers = itertools.count()

    def come_between(request):
        if re.search("POST .*/commit/", f"{request.method} {request.path}"):
            repository = hub.repositories[ID]
            repository.add("main", f"between {next(numbers)}", repository.refs["main"], {})

    hub.always = come_between
    with pytest.raises(RemoteError, match="expected to commit, found other commits"):
        push(ds, ID)


def test_push_waits_as_long_as_retry_after_says(hub, ds, monkeypatch):
    waits: list[float] = []
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: waits.append(seconds) or sleep(0))
    hub.faults.append(Fault("POST .*/commit/", status=429, headers=(("Retry-After", "77"),)))
    push(ds, ID)
    assert 77 in waits


def test_push_fails_when_the_hub_keeps_failing(hub, ds, monkeypatch):
    monkeypatch.setattr(retrying, "RETRY", retrying.RETRY._replace(attempts=3))
    hub.always = lambda request: Fault(status=503) if "/api/repos/create" in request.path else None
    with pytest.raises(RemoteError, match="found none in 3 attempts; the last: .*503") as raised:
        push(ds, ID)
    assert raised.value.status == 503
    assert len(hub.asked("POST /api/repos/create")) == 3


@pytest.mark.parametrize(
    ("repo_id", "options", "match"),
    [
        (ID, {"token": "hf_wrong"}, "401.*hf auth login"),
        ("you/pass", {}, "403.*a repository of your own"),
        (ID, {"revision": "refs/pr/7"}, "404.*Check the name, the revision"),
        ("me/pass/more", {}, "Repo id must be"),
    ],
)
def test_a_refusal_says_what_to_do_and_never_the_token(hub, ds, repo_id, options, match, caplog):
    caplog.set_level("DEBUG")
    with pytest.raises(RemoteError, match=match) as raised:
        push(ds, repo_id, **options)
    assert "hf_" not in str(raised.value)
    assert not re.search(f"{TOKEN}|hf_wrong", caplog.text)
    assert hub.asked("PUT") == []


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"])
def test_push_fails_at_once_when_offline(hub, ds, monkeypatch, variable):
    monkeypatch.setenv(variable, "1")
    with pytest.raises(RemoteError, match=f"found {variable} set"):
        push(ds, ID)
    assert hub.requests == []


def test_push_gives_up_after_a_few_attempts_where_it_never_reached_the_hub(
    ds, tmp_path, monkeypatch, caplog
):
    waits: list[float] = []
    with Hub(tmp_path / "kept") as closed:
        connect(closed, monkeypatch, tmp_path / "home")
    monkeypatch.setattr(time, "sleep", waits.append)
    with pytest.raises(RemoteError, match="expected to reach the Hub, found no connection"):
        push(ds, ID)
    assert 3 < sum(waits) < 11
    assert caplog.records == []


def test_push_retries_lost_connections_once_the_hub_has_answered(hub, ds, caplog):
    hub.faults += [Fault("GET .*/revision/|GET /api/datasets/", lose=True)] * 5
    push(ds.select([0]), ID)
    assert hub.log(ID) == ["initial commit", "Push 1 images"]
    assert "retrying in" in caplog.text


def test_push_refuses_re_encoded_images_before_it_asks_the_hub(hub, ds):
    mapped = ds.map(lambda row: {"wide": row["image"].width > 400})
    with pytest.raises(ExportError, match="expected the original bytes of PASS images"):
        push(mapped, ID)
    assert hub.requests == []
    push(mapped, ID, changes="re-encoded, as <JPEG>")
    assert "The images were changed: re-encoded, as &lt;JPEG&gt;.\n" in text(hub)
    assert hub.files(ID)["CREDITS.csv"].decode().count("re-encoded, as <JPEG>") == 24


def test_push_refuses_a_stream_of_re_encoded_images(hub, ds):
    stream = load_dataset("pass", data_dir=str(dummy_folder("v2")), split="train", streaming=True)
    with pytest.raises(ExportError, match="expected the original bytes of PASS images"):
        push(stream.filter(lambda row: row["gps_latitude"] is not None), ID)
    assert hub.log(ID) == ["initial commit"]


@pytest.mark.parametrize("card", [b"\xff\xfe# Mine", b"---\nconfigs: 5\n---\n"])
def test_push_reads_the_card_before_it_sends_anything(hub, ds, card):
    push(ds.select([0]), ID)
    repository, sent = hub.repositories[ID], len(hub.uploads)
    files = {**repository.log()[-1].files, "README.md": hub.keep(card)}
    repository.add("main", "by hand", repository.refs["main"], files)
    with pytest.raises(RemoteError, match="README.md: expected"):
        push(ds, ID)
    assert len(hub.uploads) == sent


def test_push_into_a_cache_that_cannot_be_written_is_an_export_error(hub, ds, cache):
    (cache / "pass").mkdir(exist_ok=True)
    (cache / "pass" / "push").write_text("no folder")
    with pytest.raises(ExportError, match="expected to write there what is pushed"):
        push(ds, ID)
    assert hub.requests == []


@pytest.mark.parametrize("repo_id", ["me/\x1b[31mpass", "me/\u202epass", "me/a\nb"])
def test_a_repository_id_brings_no_terminal_escape_into_the_message(ds, repo_id):
    with pytest.raises(RemoteError, match="repo_id: expected a name") as raised:
        push(ds, repo_id)
    assert str(raised.value).isprintable()


def test_a_second_push_to_the_same_repository_is_refused(hub, ds, cache):
    (cache / "pass" / "push").mkdir(parents=True)
    with (
        FileLock(cache / "pass" / "push" / "me--pass.lock"),
        pytest.raises(ExportError, match="found another process"),
    ):
        push(ds, ID)
    assert hub.requests == []


@pytest.mark.parametrize("name", ["", "a b", "../up", "-x", "data"])
def test_a_config_is_named_so_that_it_can_be_a_folder(hub, ds, name):
    with pytest.raises(ExportError, match="config_name: expected letters"):
        push(ds, ID, config_name=name)
    assert hub.requests == []


def test_push_refuses_a_dataset_without_images(hub):
    with pytest.raises(DatasetError, match="expected a column of type Image, found a"):
        push(Dataset.from_dict({"a": [1]}), ID)
    assert hub.requests == []


@pytest.mark.parametrize(
    "compose",
    [
        lambda ds: ds.filter(lambda hash: hash > "8", input_columns="hash"),
        lambda ds: ds.rename_column("gps_latitude", "latitude").remove_columns("date_taken"),
        lambda ds: ds.map(lambda hash: {"letter": hash[0]}, input_columns="hash"),
    ],
    ids=["filter", "rename and remove columns", "map"],
)
def test_composed_streams_are_pushed_with_their_rows(hub, compose):
    options = {"data_dir": str(dummy_folder("v2")), "split": "train"}
    want = compose(load_dataset("pass", **options))
    push(compose(load_dataset("pass", streaming=True, **options)), ID, changes="re-encoded")
    found: dict[str, list] = {}
    for path in shards(hub):
        for name, values in pq.read_table(io.BytesIO(hub.files(ID)[path])).to_pydict().items():
            found.setdefault(name, []).extend(values)
    assert found["hash"] == list(want["hash"])
    assert {*found} == {*want.features}


# --- where


def test_a_pull_request_leaves_the_branch_as_it_was(hub, ds):
    assert push(ds, ID, create_pr=True) == f"{hub.host}/datasets/{ID}/discussions/1"
    assert set(hub.files(ID)) == {".gitattributes"}
    assert len(shards(hub, revision="refs/pr/1")) == 5


def test_somebody_elses_repository_gets_a_pull_request(hub, ds):
    hub.repositories["you/pass"] = theirs = Repository(private=False)
    theirs.add("main", "initial commit", None, {".gitattributes": hub.keep(b"")})
    assert push(ds, "you/pass", create_pr=True).endswith("/datasets/you/pass/discussions/1")


@pytest.mark.parametrize("repo_id", ["..", ".", "", "a/b/c", "me/..", "me/pass "])
def test_a_name_that_the_hub_would_not_take_touches_nothing(hub, ds, cache, repo_id):
    before = sorted(cache.rglob("*"))
    with pytest.raises(RemoteError, match="repo_id: expected a name such as me/pass, found"):
        push_to_hub(ds, repo_id)
    assert sorted(cache.rglob("*")) == before


def test_files_that_the_card_gives_to_another_config_stay(hub, ds):
    push_to_hub(ds.select(range(4)), ID)
    from huggingface_hub import HfApi

    api = HfApi()
    path = api.hf_hub_download(ID, "data/train-00000-of-00001.parquet", repo_type="dataset")
    api.upload_file(
        path_or_fileobj=path,
        path_in_repo="data/other-00000-of-00001.parquet",
        repo_id=ID,
        repo_type="dataset",
    )
    card = Path(api.hf_hub_download(ID, "README.md", repo_type="dataset")).read_text()
    card = card.replace(
        "configs:\n", "configs:\n- config_name: other\n  data_files: data/other-*.parquet\n", 1
    )
    api.upload_file(
        path_or_fileobj=card.encode(), path_in_repo="README.md", repo_id=ID, repo_type="dataset"
    )
    push_to_hub(ds.select(range(6)), ID)
    assert len(load_dataset(ID, "other", split="train")) == 4
    assert len(load_dataset(ID, split="train")) == 6


def test_a_broken_card_is_known_before_anything_is_sent(hub, ds):
    from huggingface_hub import HfApi

    push_to_hub(ds.select(range(2)), ID)
    HfApi().upload_file(
        path_or_fileobj=b"---\n- a: [\n---\n",
        path_in_repo="README.md",
        repo_id=ID,
        repo_type="dataset",
    )
    with pytest.raises(RemoteError, match="README.md: expected YAML between two lines of ---"):
        push_to_hub(ds, ID)


def test_rows_whose_hashes_are_none_of_pass_are_pushed_without_credits(hub, ds, caplog):
    foreign = ds.select(range(3)).remove_columns("hash").add_column("hash", ["a", "b", None])
    push_to_hub(foreign, ID)
    assert len(load_dataset(ID, split="train")) == 3
    text = hub_text(hub)
    assert "CREDITS" not in text
    assert "each with its creator" not in text
    assert "pushed without a list of credits" in caplog.text


def hub_text(hub: Hub) -> str:
    from huggingface_hub import HfApi

    return Path(HfApi().hf_hub_download(ID, "README.md", repo_type="dataset")).read_text()


def test_describe_leaves_out_signatures_of_urls():
    from pass_utils.net.hub_errors import describe

    err = ValueError(
        "503 for url 'https://s3.example/lfs/1?X-Amz-Signature=SECRET&part=1' (Request ID: 1)"
    )
    assert describe(err) == "503 for url 'https://s3.example/lfs/1?...' (Request ID: 1)"


def test_a_name_alone_is_ones_own(hub, ds):
    assert push(ds, "pass") == f"{hub.host}/datasets/{ID}"
    assert 'load_dataset("me/pass", split="train")' in text(hub)


@pytest.mark.slow
def test_what_datasets_pushed_before_is_replaced(hub, ds):
    ds.push_to_hub(ID, num_shards=3)
    repository = hub.repositories[ID]
    old = {"data/train-00000-of-00001-0123456789abcdef.parquet": hub.keep(b"old")}
    repository.add("main", "older", repository.refs["main"], {**repository.log()[-1].files, **old})
    push(ds.select(range(5)), ID)
    assert shards(hub) == ["data/train-00000-of-00001.parquet"]
    assert len(load_dataset(ID, split="train")) == 5


def test_a_dataset_without_rows_can_be_pushed(hub, ds):
    push(ds.select([]), ID)
    assert (
        list(load_dataset(ID, split="train", streaming=True)) == []
    )  # `datasets` opens nothing else without rows
    assert "CREDITS.csv" not in hub.files(ID)


def test_a_branch_and_privacy_are_as_asked_for(hub, ds):
    push(ds, ID, revision="draft", private=True)
    assert hub.repositories[ID].private
    assert set(hub.files(ID)) == {".gitattributes"}
    assert len(shards(hub, revision="draft")) == 5
    assert info(hub, revision="draft")["splits"][0]["num_examples"] == 24


def test_card_and_credits_say_that_images_were_resized_and_nothing_says_where_they_were_taken(
    hub, ds
):
    how = {"resize": 64, "quality": 80, "drop_columns": ["gps"], "label_column": "label"}
    push(split_by_creator(ds, 0.3), "me/pass", **how, changes="cropped")
    changes = (
        "cropped; resized to a shorter side of at most 64 pixels, re-encoded as JPEG at quality 80"
    )
    assert f"The images were changed: {changes}.\n" in text(hub)
    assert "| shorter side | 64 | 64 | 64 | 64 | 64 | 64 | 64 |" in text(hub)
    lines = hub.files("me/pass")["CREDITS.csv"].decode().splitlines()
    assert [line.count(changes) for line in lines] == [0, *[1] * len(ds)]
    names = ["image", "creator_username", "hash", "date_taken", "label"]
    assert [feature["name"] for feature in info(hub)["features"]] == names
    back = load_dataset("me/pass")
    assert list(back["train"].features) == names
    for split, part in split_by_creator(ds, 0.3).items():
        assert back[split]["hash"][:] == part["hash"][:] != []


@pytest.mark.parametrize("streaming", [False, True])
def test_rows_that_were_left_out_are_neither_counted_nor_credited(
    hub, ds, caplog, monkeypatch, streaming
):
    broken = ds["hash"][:][3]
    names = iter(ds["hash"][:])
    real = Resize.jpeg

    def fail(self, data):
        if next(names) == broken:
            raise ImageError("expected an image file, found none. Leave it out.")
        return real(self, data)

    monkeypatch.setattr(Resize, "jpeg", fail)
    rows = ds.to_iterable_dataset() if streaming else ds
    push(rows, "me/pass", resize=64, on_error="skip", changes="none")
    assert (
        f"me/pass: left out a row of the split train, whose image cannot be decoded: {broken}."
        in (caplog.messages)
    )
    assert broken not in hub.files("me/pass")["CREDITS.csv"].decode()
    assert info(hub)["splits"][0]["num_examples"] == len(ds) - 1
    assert len(load_dataset("me/pass", split="train")) == len(ds) - 1
