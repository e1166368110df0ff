"""The command `pass-utils`: parse, one library call, print."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import click

from ..errors import PassError
from .options import DEFAULT_RELEASE, choose_release, describe_selection, filters, load, selection
from .terminal import human_bytes, print_plan, print_summary, span


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="pass-utils")
@click.option("-v", "--verbose", is_flag=True, help="Say what is being done.")
def cli(verbose: bool) -> None:
    """PASS: 1.4 million CC-BY pictures without people, for self-supervised pretraining."""
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(message)s")


@cli.command()
def demo() -> None:
    """Open the bundled miniature of PASS, and show what there is.

    Example: pass-utils demo
    """
    from .demo import show

    show()


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@selection
@filters
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def info(folder: Path, release: str | None, shards: list[int] | None, bounds: dict[str, Any], as_json: bool) -> None:
    """Describe the pictures of FOLDER, which holds the shards and the CSV.

    The first time reads the first kilobytes of each picture, to learn its size.

    Example: pass-utils info ~/pass --shards 0,3-5 --min-side 375
    """
    from ..summary import summarize

    summary = summarize(load(folder, release, shards, bounds))
    if as_json:
        click.echo(json.dumps({**asdict(summary), "licenses": {"dataset": "CC-BY-4.0", "photos": "CC-BY-2.0"}}))
    else:
        print_summary(summary)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@selection
@filters
@click.option("--group-by", type=click.Choice(["creator"]), help="Put the pictures of each creator together.")
@click.option("--changes", metavar="TEXT", help="What was done to the pictures, such as 'cropped to 224 × 224'.")
@click.option("--exclude", metavar="TEXT", multiple=True, help="A hash or a creator to leave out; may be repeated.")
@click.option("--exclude-from", type=click.File(encoding="utf-8-sig"), help="A file of these, one in each line.")
@click.option("--yfcc", type=click.Path(path_type=Path), help="YFCC100M's metadata, for titles and Flickr pages.")
@click.option("--thumbnails", type=int, metavar="PIXELS", help="Show the pictures in HTML, the longer side so long.")
@click.option("--spreadsheet-safe", is_flag=True, help="Keep spreadsheets from computing what a CSV holds.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def credits(
    folder: Path,
    out: Path,
    release: str | None,
    shards: list[int] | None,
    bounds: dict[str, Any],
    exclude: tuple[str, ...],
    exclude_from: TextIO | None,
    thumbnails: int | None,
    **options: Any,
) -> None:
    """Write the credits of FOLDER's pictures into OUT: .html, .csv, .jsonl, .parquet, .txt, .md, .spdx.json or REUSE.toml.

    Without a choice of shards or sizes these are all pictures of the CSV, and the shards need not be there.

    Example: pass-utils credits ~/pass CREDITS.html --shards 0 --thumbnails 160
    """
    from ..attribution.lists import write_attribution

    chosen = shards is not None or bool(bounds) or thumbnails is not None
    target = load(folder, release, shards, bounds) if chosen else folder
    try:
        left_out = {*exclude, *(line.strip() for line in exclude_from or ())}
    except UnicodeDecodeError as err:
        raise click.UsageError(f"--exclude-from: expected text in UTF-8, found: {err}. Save the file in UTF-8.") from err
    count = write_attribution(
        target, out, release=release and choose_release(folder, release), exclude=left_out, thumbnails=thumbnails, **options
    )
    click.echo(f"{out}: {count:,} credits, {'of the chosen pictures' if chosen else 'of all pictures in the CSV'}.")


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@selection
@click.option("--base-url", help="A mirror laid out as Zenodo's /records.  [default: PASS_BASE_URL, or Zenodo]")
@click.option("--connections", type=click.IntRange(1, 8), default=2, show_default=True, help="Files fetched at a time.")
@click.option("--dry-run", is_flag=True, help="Say what would be fetched, how large and from where.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def download(
    folder: Path,
    release: str | None,
    shards: list[int] | None,
    base_url: str | None,
    connections: int,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Fetch a release into FOLDER, verified; run it again to go on after a break.

    Example: pass-utils download ~/pass --release v3
    """
    from ..fetch import download, look_and_plan

    release = release or choose_release(folder, None)
    if dry_run:
        print_plan(look_and_plan(folder, release, shards=shards), base_url)
        return
    try:
        where = download(folder, release, shards=shards, base_url=base_url, connections=connections, quiet=quiet)
    except KeyboardInterrupt:
        click.echo("pass-utils: interrupted. Run the same command again to go on where this one stopped.", err=True)
        sys.exit(130)
    click.echo(f"{where} holds the chosen files of release {release}, verified.")


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@selection
@click.option("--quick", is_flag=True, help="Compare sizes and walk the headers of the tars only.")
@click.option("--force", is_flag=True, help="Read files again that were verified before.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def verify(folder: Path, release: str | None, shards: list[int] | None, quick: bool, force: bool, quiet: bool) -> None:
    """Compare the files of FOLDER with the release's sizes and checksums; exit 1 if one differs.

    Example: pass-utils verify ~/pass --release v3
    """
    from ..verification import verify

    release = release or choose_release(folder, None)
    findings = verify(folder, release, shards=shards, quick=quick, force=force, quiet=quiet)
    for finding in findings:
        click.echo(f"{finding.name}: {finding.trouble}")
    if findings:
        chosen = f" --shards {','.join(map(str, shards))}" if shards else ""
        click.echo(f"pass-utils: run `pass-utils download {folder} --release {release}{chosen}` to mend it.", err=True)
        sys.exit(1)
    click.echo(f"{folder}: what is there is whole.")


@cli.command()
@click.argument("kind", type=click.Choice(["parquet", "webdataset", "imagefolder"]))
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("out")
@selection
@filters
@click.option("--max-shard-size", metavar="SIZE", help="Of a file.  [default: 500MB of Parquet, 1GB of WebDataset]")
@click.option("--num-proc", type=click.IntRange(min=1), default=1, show_default=True, help="Processes, a file each.")
@click.option("--scheduler", metavar="tcp://HOST:PORT", help="Have the workers of a Dask cluster do it.")
@click.option("--dry-run", is_flag=True, help="Say what would be written.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def export(
    kind: str,
    folder: Path,
    out: str,
    release: str | None,
    shards: list[int] | None,
    bounds: dict[str, Any],
    max_shard_size: str | None,
    num_proc: int,
    scheduler: str | None,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Write the pictures of FOLDER to OUT, a folder or a URL, for other tools; run it again to go on after a break.

    Example: pass-utils export parquet ~/pass ~/pass-parquet --num-proc 4
    """
    from ..export import writing as exports
    from ..export.workers import cluster

    if kind == "imagefolder" and max_shard_size is not None:
        raise click.UsageError("--max-shard-size: expected none, since an image folder has a file for each picture.")
    size = {} if max_shard_size is None else {"max_shard_size": max_shard_size}
    ds = load(folder, release, shards, bounds)
    if dry_run:
        plan = getattr(exports, f"plan_{kind}")(ds, **size)
        click.echo(f"{out}: {plan.rows:,} rows, about {human_bytes(plan.bytes)}, as {span(plan.names)}")
        return
    with contextlib.ExitStack() as held:
        executor = None if scheduler is None else held.enter_context(cluster(scheduler))
        try:
            write = getattr(exports, f"write_{kind}")
            written = write(ds, out, num_proc=num_proc, executor=executor, quiet=quiet, **size)
        except KeyboardInterrupt:
            click.echo("pass-utils: interrupted. Run the same command again to go on where this one stopped.", err=True)
            sys.exit(130)
    click.echo(
        f"{out}: {len(ds):,} rows, {human_bytes(sum(file.size for file in written))}, as {span([f.name for f in written])}"
    )


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("repository")
@selection
@filters
@click.option("--private", is_flag=True, help="Make the repository a private one, if it is new.")
@click.option("--revision", help="The branch to push to.  [default: main]")
@click.option("--create-pr", is_flag=True, help="Open a pull request instead of changing the branch.")
@click.option("--config-name", default="default", show_default=True, help="What to call these pictures beside others there.")
@click.option("--max-shard-size", default="500MB", show_default=True, help="Size of a Parquet file.")
@click.option("--dry-run", is_flag=True, help="Say what would be pushed, and how large.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def push(
    folder: Path,
    repository: str,
    release: str | None,
    shards: list[int] | None,
    bounds: dict[str, Any],
    max_shard_size: str,
    dry_run: bool,
    **options: Any,
) -> None:
    """Push the pictures of FOLDER to the Hub as REPOSITORY, with card and credits; run it again to go on after a break.

    Example: pass-utils push ~/pass me/pass-large --min-side 375 --private
    """
    from ..export.parquet import plan_parquet
    from ..hub.push import push_to_hub

    ds = load(folder, release, shards, bounds)
    if dry_run:
        plan = plan_parquet(ds, max_shard_size=max_shard_size)
        click.echo(f"{repository}: {plan.rows:,} rows, about {human_bytes(plan.bytes)}, as {span(plan.names)}")
        return
    chosen = describe_selection(shards, bounds)
    try:
        page = push_to_hub(ds, repository, max_shard_size=max_shard_size, selection=chosen, **options)
    except KeyboardInterrupt:
        click.echo("pass-utils: interrupted. Run the same command again to go on: what is up stays there.", err=True)
        sys.exit(130)
    click.echo(page)


@cli.command()
@selection
@click.option("--base-url", help="A mirror laid out as Zenodo's /records.  [default: PASS_BASE_URL, or Zenodo]")
def croissant(release: str | None, shards: list[int] | None, base_url: str | None) -> None:
    """Print the Croissant description of a release, for machines.

    Example: pass-utils croissant --release v3 > pass.croissant.json
    """
    from ..croissant import croissant_jsonld

    click.echo(json.dumps(croissant_jsonld(release or DEFAULT_RELEASE, shards=shards, base_url=base_url), indent=2))


def main() -> None:
    """Run the command; exit 0, 1 (what went wrong, and what to do), 2 (usage) or 130 (interrupted)."""
    try:
        cli(standalone_mode=False)
    except PassError as err:
        click.secho(f"pass-utils: {err}", err=True, fg="red")
        sys.exit(1)
    except click.ClickException as err:
        err.show()
        sys.exit(err.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("pass-utils: interrupted.", err=True)
        sys.exit(130)
