"""A run's rows pushed to a dataset repository on the Hub, in one commit.

>>> done = Pushed("lasot", {"test": 3}, ("README.md",), (), 1, "1f0a9c2")
>>> print(*told(done, Target("user/lasot-chatdesc")), sep="\\n")
sent: README.md
1 files were there already
commit 1f0a9c2
Load it:  datasets.load_dataset("user/lasot-chatdesc", "lasot", split="test")

A repository holds any number of datasets (configurations) and splits, as ``CONFIG/SPLIT-*.parquet``. Shards are
uploaded first; one that is in the repository already is not sent. The commit then adds them and the card and deletes
old shards at once. It names the commit that it builds on, so two pushes at a time cannot undo each other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from chatdesc.rows.schema import Row, split_name
from chatdesc.rows.sources import REPOSITORY, read_rows
from chatdesc.rows.store import dataset_of
from chatdesc.share import croissant, licences
from chatdesc.share.card_merge import parted
from chatdesc.share.dataset import write_dataset
from chatdesc.share.facts import facts
from chatdesc.share.hub_card import Built, new_card
from chatdesc.share.hub_errors import ATTEMPTS, advice
from chatdesc.share.redact import assert_clean
from chatdesc.share.repository import Changes, Remote, Target, commit, look, refuse
from chatdesc.types import ChatdescError, one_line

if TYPE_CHECKING:
    from huggingface_hub import HfApi

__all__ = ["Pushed", "Target", "push", "terms", "told"]

CONFIG = re.compile(r"\w[\w-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pushed:
    """A push that was made, or with ``dry_run`` would be.

    Attributes:
        config: the configuration's name in the repository.
        splits: the number of rows of each pushed split.
        sent, removed: paths of files.
        same: the number of shards that were in the repository already.
        commit: the commit's id; None where there is no repository yet.
        left_out: why a row was not pushed, per sequence: it holds a path of this machine or a token.
    """

    config: str
    splits: dict[str, int]
    sent: tuple[str, ...]
    removed: tuple[str, ...]
    same: int
    commit: str | None
    left_out: dict[str, str] = field(default_factory=dict)


def push(run: Path, target: Target) -> Pushed:
    """Push a run's rows; files that are in the repository already are not sent again.

    Raises:
        ChatdescError: the rows cannot be published, or the Hub or the connection refuses; the message has the remedy,
            and nothing is half published.
    """
    from huggingface_hub import HfApi, get_token

    if not REPOSITORY.fullmatch(target.repo_id):
        raise ChatdescError(f"{target.repo_id!r} is no repository id; write USER/NAME")
    licences.checked(target.text_licence)
    if get_token() is None:
        raise ChatdescError("there is no token for the Hub; sign in with `hf auth login`, or set HF_TOKEN")
    with TemporaryDirectory(prefix="chatdesc-push-") as folder:
        built, left_out = _build(run, target, Path(folder))
        with advice(target.repo_id):
            return replace(_publish(HfApi(), built, target, Path(folder)), left_out=left_out)


def terms(run: Path) -> str:
    """The terms of a run's source dataset, as far as they are known, in one line.

    Raises:
        ChatdescError: the folder is no run.
    """
    return one_line(facts(dataset_of(run)).licence or "not known; ask its authors")


def told(done: Pushed, target: Target) -> list[str]:
    """A push as lines for a terminal."""
    would = target.dry_run
    lines = [f"{'would send' if would else 'sent'}: {path}" for path in done.sent]
    lines += [f"{'would remove' if would else 'removed'}: {path}" for path in done.removed]
    lines += [f"{done.same} files were there already"] if done.same else []
    lines += [] if done.sent or done.removed else ["nothing has changed"]
    if would:
        return [*lines, "Nothing was sent."]
    revision = "" if target.revision == "main" else f', revision="{target.revision}"'
    loads = [f'datasets.load_dataset("{target.repo_id}", "{done.config}", split="{s}"{revision})' for s in done.splits]
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
            if name == row["sequence"]:
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


def _publish(api: HfApi, built: Built, target: Target, folder: Path) -> Pushed:
    """Commit what differs; once more from the start where others have pushed in between."""
    from huggingface_hub.errors import HfHubHTTPError

    splits = {name: split["num_examples"] for name, split in built.splits.items()}
    for attempt in range(ATTEMPTS):
        remote = look(api, target, folder, make=not target.dry_run)
        changes = _changes(built, remote, target)
        refuse(remote, target, changes)
        sha = remote.sha
        if not target.dry_run:
            try:
                sha = commit(api, changes, remote, target, f"chatdesc: {built.config}, {', '.join(splits)}")
            except HfHubHTTPError as error:
                if error.response.status_code != 412 or attempt == ATTEMPTS - 1:
                    raise
                continue
            if target.tag and target.tag not in remote.tags:
                api.create_tag(target.repo_id, tag=target.tag, revision=sha, repo_type="dataset")
        return Pushed(built.config, splits, tuple(changes.add), tuple(changes.remove), changes.same, sha)
    raise AssertionError("unreachable")


def _changes(built: Built, remote: Remote, target: Target) -> Changes:
    """Shards, card and Croissant metadata that differ from the repository's, and shards that are no more."""
    digests = {path: digest for path, (_, digest) in remote.files.items()}
    add: dict[str, Path | bytes] = {p: file for p, file in built.shards.items() if digests.get(p) != _sha256(file)}
    old = re.compile(rf"{re.escape(built.config)}/({'|'.join(built.splits)})-\d{{5}}-of-\d{{5}}\.parquet")
    remove = [path for path in remote.files if old.fullmatch(path) and path not in built.shards]
    same = len(built.shards) - len(add)
    card = new_card(built, remote, target)
    if card != remote.card:
        add["README.md"] = card.encode()
    described = croissant.dumped(croissant.describe(target.repo_id, parted(card)[0], target.revision)).encode()
    assert_clean(described.decode(), "the Croissant metadata ")
    if digests.get(croissant.FILE) not in (_blob_id(described), hashlib.sha256(described).hexdigest()):
        add[croissant.FILE] = described
    return Changes(add, remove, same)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _blob_id(content: bytes) -> str:
    """Git's name for a file that is not in LFS."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
