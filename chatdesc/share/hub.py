"""A run's rows pushed to a dataset repository on the Hub, in one commit.

>>> done = Pushed("user/lasot-chatdesc", "lasot", {"test": 3}, ("README.md",), (), 1, "1f0a9c2")
>>> print(*told(done, Target("user/lasot-chatdesc")), sep="\\n")
sent: README.md
1 file was there already
commit 1f0a9c2
Load it:  datasets.load_dataset("user/lasot-chatdesc", "lasot", split="test")

A repository holds any number of datasets (configurations) and splits, as ``CONFIG/SPLIT-*.parquet``. Shards are
uploaded first; one that is in the repository already is not sent. The commit then adds them and the card and deletes
old shards at once. It names the commit that it builds on, so two pushes at a time cannot undo each other. Then it is
read back: what it does not hold is an error.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from chatdesc.drawing.figures import NO_PLOTS, can_draw
from chatdesc.names import counted
from chatdesc.rows.schema import Row, split_name
from chatdesc.rows.sources import REPOSITORY, read_rows
from chatdesc.rows.store import dataset_of
from chatdesc.share import croissant, licences
from chatdesc.share.card_merge import parted
from chatdesc.share.card_plots import NAMES
from chatdesc.share.dataset import published_name, write_dataset
from chatdesc.share.facts import facts
from chatdesc.share.hub_card import Built, new_card, picture_path
from chatdesc.share.hub_errors import ATTEMPTS, advice, lasting, wait_of
from chatdesc.share.hub_patience import LONGEST_WAIT, patience
from chatdesc.share.redact import assert_clean
from chatdesc.share.repository import Changes, Remote, Target, commit, holds, look, refuse, size_of
from chatdesc.types import ChatdescError, one_line

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

Say = Callable[[str], None]

__all__ = ["Pushed", "Target", "push", "terms", "told"]

CONFIG = re.compile(r"\w[\w-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pushed:
    """A push that was made, or with ``dry_run`` would be.

    Attributes:
        repo_id: the repository; its new name where it was renamed.
        config: the configuration's name in the repository.
        splits: the number of rows of each pushed split.
        sent, removed: paths of files.
        same: the number of shards that were in the repository already.
        commit: the commit's id; None where there is no repository yet.
        left_out: why a row was not pushed, per sequence: it holds a path of this machine or a token.
    """

    repo_id: str
    config: str
    splits: dict[str, int]
    sent: tuple[str, ...]
    removed: tuple[str, ...]
    same: int
    commit: str | None
    left_out: dict[str, str] = field(default_factory=dict)


def push(run: Path, target: Target, say: Say | None = None, sheet: bytes | None = None) -> Pushed:
    """Push a run's rows; files that are in the repository already are not sent again.

    Args:
        sheet: a picture of one sequence as PNG, for the card; None keeps one that was pushed earlier.
        say: is told in a line what takes time: an upload, a wait.

    Raises:
        ChatdescError: the rows cannot be published, or the Hub or the connection refuses; the message has the remedy,
            and nothing is half published.
    """
    from huggingface_hub import HfApi, get_token, is_offline_mode

    if not REPOSITORY.fullmatch(target.repo_id):
        raise ChatdescError(f"{target.repo_id!r} is no repository id; write USER/NAME")
    licences.checked(target.text_licence)
    if is_offline_mode():
        raise ChatdescError("HF_HUB_OFFLINE is set, so the Hub is not asked; unset it to push")
    if get_token() is None:
        raise ChatdescError("there is no token for the Hub; sign in with `hf auth login`, or set HF_TOKEN")
    tell: Say = say or (lambda line: None)
    if not can_draw():
        tell(NO_PLOTS)
    with TemporaryDirectory(prefix="chatdesc-push-") as folder:
        built, left_out = _build(run, target, Path(folder))
        with advice(target.repo_id):
            pushed = _publish(HfApi(), replace(built, sheet=sheet), target, Path(folder), tell)
    return replace(pushed, left_out=left_out)


def terms(run: Path) -> str:
    """The terms of a run's source dataset, as far as they are known, in one line.

    Raises:
        ChatdescError: the folder is no run.
    """
    return one_line(facts(dataset_of(run)).licence or "not known; ask its authors")


def frames_may_be_shown(run: Path) -> bool:
    """Whether the terms of a run's source dataset plainly let anybody show its frames.

    Raises:
        ChatdescError: the folder is no run.
    """
    return facts(dataset_of(run)).frames_may_be_shown


def told(done: Pushed, target: Target) -> list[str]:
    """A push as lines for a terminal."""
    would = target.dry_run
    lines = [f"{'would send' if would else 'sent'}: {path}" for path in done.sent]
    lines += [f"{'would remove' if would else 'removed'}: {path}" for path in done.removed]
    lines += [f"{counted(done.same, 'file was', 'files were')} there already"] if done.same else []
    lines += [] if done.sent or done.removed else ["nothing has changed"]
    lines += [f"{target.repo_id} is {done.repo_id} now"] if done.repo_id != target.repo_id else []
    if would:
        return [*lines, "Nothing was sent."]
    revision = "" if target.revision == "main" else f', revision="{target.revision}"'
    loads = [f'datasets.load_dataset("{done.repo_id}", "{done.config}", split="{s}"{revision})' for s in done.splits]
    return [*lines, f"commit {done.commit}", *(f"Load it:  {line}" for line in loads)]


def _build(run: Path, target: Target, folder: Path) -> tuple[Built, dict[str, str]]:
    """Write the shards into ``folder``; also why rows were left out, per sequence."""
    dataset = dataset_of(run)
    config = target.config or dataset
    if not CONFIG.fullmatch(config):
        raise ChatdescError(f"--config {config!r}: letters, digits, _ and - only")
    frames = _frames_of(run) if target.include_frames else None
    out = folder / "dataset"
    written = write_dataset(read_rows(str(run), target.split), out, dataset=dataset, include_frames=frames)
    metadata, _ = parted((out / "README.md").read_text(encoding="utf-8"))
    shards = {f"{config}/{path.name}": path for path in sorted((out / "data").iterdir())}
    splits = {split["name"]: split for split in metadata["dataset_info"]["splits"]}
    return Built(dataset, config, shards, splits, metadata), written.left_out


def _frames_of(run: Path) -> Callable[[Row], list[bytes]]:
    """Gives a row's frames from the run's own dataset, whose splits have the rows in the same order."""
    stale = ChatdescError(f"{run / 'dataset'} has not the frames of these rows; run `annotate --include-frames` again")
    stored = _stored_frames(run / "dataset", stale)

    def frames(row: Row) -> list[bytes]:
        for name, images in stored.get(split_name(row["split"]), ()):  # rows that are left out are passed over
            if name == published_name(row):
                return images
        raise stale

    return frames


def _stored_frames(dataset: Path, stale: ChatdescError) -> dict[str, Iterator[tuple[str, list[bytes]]]]:
    """Names and frames of each split's rows, read one at a time; ``stale`` is raised where there are no frames."""
    from datasets import Image, List, load_dataset

    try:
        parts = load_dataset(str(dataset), streaming=True)
        if any("images" not in part.features for part in parts.values()):
            raise stale
        undecoded = List(Image(decode=False))
        columns = ["sequence", "images"]
        rows = {n: iter(p.select_columns(columns).cast_column("images", undecoded)) for n, p in parts.items()}
    except (OSError, ValueError) as error:
        raise stale from error
    return {
        name: ((row["sequence"], [i["bytes"] for i in row["images"]]) for row in part) for name, part in rows.items()
    }


def _publish(api: HfApi, built: Built, target: Target, folder: Path, say: Say) -> Pushed:
    """Commit what differs; once more where others pushed in between, or the Hub asks to wait a little."""
    from huggingface_hub.errors import HfHubHTTPError

    for attempt in range(ATTEMPTS):
        try:
            with patience():
                return _publish_once(api, built, target, folder, say)
        except HfHubHTTPError as error:
            wait = _wait_before_another_try(error)
            if wait is None or attempt == ATTEMPTS - 1:
                raise
        if wait:
            say(f"the Hub asks to wait {lasting(wait)}")
            time.sleep(wait + 1)
    raise AssertionError("unreachable")


def _wait_before_another_try(error: HfHubHTTPError) -> int | None:
    """Seconds; None where another try would not help, or only after a time that the user has to know of."""
    if error.response.status_code == 412:
        return 0
    wait = wait_of(error.response.headers) if error.response.status_code == 429 else None
    return wait if wait is not None and wait <= LONGEST_WAIT else None


def _publish_once(api: HfApi, built: Built, target: Target, folder: Path, say: Say) -> Pushed:
    remote = look(api, target, folder, make=not target.dry_run)
    target = replace(target, repo_id=remote.repo_id)
    splits = {name: split["num_examples"] for name, split in built.splits.items()}
    changes = _changes(built, remote, target)
    refuse(remote, target, changes)
    sha = remote.sha
    if not target.dry_run:
        if changes.add:
            say(f"sending {counted(len(changes.add), 'file')}, {_megabytes(changes)} MB, to {target.repo_id}")
        sha = commit(api, changes, remote, target, f"chatdesc: {built.config}, {', '.join(splits)}")
        if target.tag and target.tag not in remote.tags:
            _make_tag(api, target, str(sha))
    return Pushed(target.repo_id, built.config, splits, tuple(changes.add), tuple(changes.remove), changes.same, sha)


def _make_tag(api: HfApi, target: Target, sha: str) -> None:
    from huggingface_hub.errors import HfHubHTTPError

    try:
        api.create_tag(target.repo_id, tag=str(target.tag), revision=sha, repo_type="dataset")
    except HfHubHTTPError as error:
        if error.response.status_code != 409:
            raise
        raise ChatdescError(
            f"{target.repo_id}: the rows are there, in commit {sha[:7]}, but others made a tag {target.tag} meanwhile; "
            "push again with another --tag"
        ) from error


def _megabytes(changes: Changes) -> str:
    return f"{sum(map(size_of, changes.add.values())) / 1e6:.1f}"


def _changes(built: Built, remote: Remote, target: Target) -> Changes:
    """Shards, card and Croissant metadata that differ from the repository's, and shards that are no more."""
    files = remote.files
    add: dict[str, Path | bytes] = {p: file for p, file in built.shards.items() if not holds(files, p, file)}
    old = re.compile(rf"{re.escape(built.config)}/({'|'.join(built.splits)})-\d{{5}}-of-\d{{5}}\.parquet")
    remove = [path for path in remote.files if old.fullmatch(path) and path not in built.shards]
    same = len(built.shards) - len(add)
    card, pictures = new_card(built, remote, target)
    remove += [p for p in (picture_path(built.config, n) for n in NAMES) if p in files and p not in pictures]
    add |= {p: made for p, made in pictures.items() if made is not None and not holds(files, p, made)}
    if card != remote.card:
        add["README.md"] = card.encode()
    described = croissant.dumped(croissant.describe(target.repo_id, parted(card)[0], target.revision)).encode()
    assert_clean(described.decode(), "the Croissant metadata ")
    if not holds(files, croissant.FILE, described):
        add[croissant.FILE] = described
    return Changes(add, remove, same)
