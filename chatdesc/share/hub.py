"""A run's rows pushed to a dataset repository on the Hub, in one commit.

>>> done = push(Path("runs/lasot-test"), Target("user/lasot-chatdesc", private=True))    # doctest: +SKIP
>>> done.sent, done.removed, done.commit[:7]                                             # doctest: +SKIP
(('lasot/test-00000-of-00001.parquet', 'README.md', 'croissant.json'), (), '1f0a9c2')

A repository holds any number of datasets (configurations) and splits, as ``CONFIG/SPLIT-*.parquet``. Shards are
uploaded first and cost nothing when they are there already; the commit then puts them, the card and what goes away in
place at once. It names the commit it builds on, so that two pushes at a time cannot undo each other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chatdesc.rows.schema import Row
from chatdesc.rows.sources import REPOSITORY, read_rows
from chatdesc.share import card_merge as shared_card
from chatdesc.share import croissant, licences
from chatdesc.share.redact import assert_clean
from chatdesc.types import ChatdescError, one_line

ATTEMPTS = 3  # at a commit, when others push at the same time
CONFIG = re.compile(r"\w[\w-]*", re.ASCII)
CARD_COLUMNS = ("status", "text", "text_source", "scope", "provenance", "grounding", "tracking", "alignment", "audit")
AGAIN = "Nothing is half published; the same command sends what is missing."


@dataclass(frozen=True, slots=True)
class Target:
    """Where to, and what of a run."""

    repo_id: str
    config: str | None = None
    split: str | None = None
    private: bool = False
    include_frames: bool = False
    revision: str = "main"
    tag: str | None = None
    dry_run: bool = False
    text_licence: str | None = None


@dataclass(frozen=True, slots=True)
class Pushed:
    """What was done, or with ``dry_run`` would be; ``commit`` is None where there is no repository yet."""

    config: str
    splits: dict[str, int]
    sent: tuple[str, ...]
    removed: tuple[str, ...]
    same: int
    commit: str | None


@dataclass(frozen=True, slots=True)
class _Built:
    """The shards of what is pushed, by their paths in the repository."""

    dataset: str
    config: str
    shards: dict[str, Path]
    infos: dict[str, Row]
    metadata: Row


@dataclass(frozen=True, slots=True)
class _Remote:
    """A repository at one commit: sizes and checksums of its files, its card, its tags."""

    sha: str | None = None
    files: dict[str, tuple[int, str]] = field(default_factory=dict)
    card: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    private: bool | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    add: dict[str, Path | bytes]
    remove: list[str]
    same: int


def push(run: Path, target: Target) -> Pushed:
    """Push a run's rows; what is in the repository already is not sent again.

    Raises:
        ChatdescError: the rows or the repository refuse; the message says what to do, and nothing is half published.
    """
    from huggingface_hub import HfApi, get_token

    if not REPOSITORY.fullmatch(target.repo_id):
        raise ChatdescError(f"{target.repo_id!r} is no repository id; write USER/NAME")
    licences.checked(target.text_licence)
    if get_token() is None:
        raise ChatdescError("there is no token for the Hub; sign in with `hf auth login`, or set HF_TOKEN")
    with TemporaryDirectory(prefix="chatdesc-push-") as folder:
        built = _build(run, target, Path(folder))
        with _advice(target):
            return _publish(HfApi(), built, target, Path(folder))


def terms(run: Path) -> str:
    """The source dataset's terms, as far as they are known."""
    from chatdesc.rows.store import read_config
    from chatdesc.share.card import facts

    return one_line(facts(str(read_config(run)["dataset"]))["licence"] or "not known; ask its authors")


def told(done: Pushed, target: Target) -> list[str]:
    """What was done, for a terminal."""
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


def _build(run: Path, target: Target, folder: Path) -> _Built:
    from chatdesc.rows.store import read_config
    from chatdesc.share.dataset import write_dataset

    dataset = str(read_config(run)["dataset"])
    config = target.config or dataset
    if not CONFIG.fullmatch(config):
        raise ChatdescError(f"--config {config!r}: letters, digits, _ and - only")
    frames = _frames_of(run) if target.include_frames else None
    rows = read_rows(str(run), target.split)
    out = folder / "dataset"
    write_dataset(rows, out, dataset=dataset, include_frames=frames)
    metadata, _ = shared_card.parted((out / "README.md").read_text(encoding="utf-8"))
    infos = {split["name"]: split for split in metadata["dataset_info"]["splits"]}
    return _Built(dataset, config, {f"{config}/{p.name}": p for p in sorted((out / "data").iterdir())}, infos, metadata)


def _frames_of(run: Path) -> Callable[[Row], list[bytes]]:
    """Gives a row's frames from the run's own dataset, whose splits have the rows in the same order."""
    from datasets import Image, List, load_dataset

    from chatdesc.rows.schema import split_name

    stale = ChatdescError(f"{run / 'dataset'} has not the frames of these rows; run `annotate --include-frames` again")
    try:
        parts = load_dataset(str(run / "dataset"), streaming=True)
        if any("images" not in part.features for part in parts.values()):
            raise stale
        undecoded = List(Image(decode=False))
        columns = ["sequence", "images"]
        rows = {n: iter(p.select_columns(columns).cast_column("images", undecoded)) for n, p in parts.items()}
    except (OSError, ValueError) as error:
        raise stale from error

    def frames(row: Row) -> list[bytes]:
        stored = next(rows.get(split_name(row["split"]), iter(())), None)
        if stored is None or stored["sequence"] != row["sequence"]:
            raise stale
        return [image["bytes"] for image in stored["images"]]

    return frames


def _publish(api: Any, built: _Built, target: Target, folder: Path) -> Pushed:
    from huggingface_hub.errors import HfHubHTTPError

    for attempt in range(ATTEMPTS):
        there = _look(api, target, folder, make=not target.dry_run)
        plan = _plan(built, there, target)
        _refuse(there, target, bool(plan.add or plan.remove))
        splits = {name: info["num_examples"] for name, info in built.infos.items()}
        done = Pushed(built.config, splits, tuple(plan.add), tuple(plan.remove), plan.same, there.sha)
        if target.dry_run:
            return done
        try:
            commit = _commit(api, plan, there, target, f"chatdesc: {built.config}, {', '.join(splits)}")
        except HfHubHTTPError as error:
            if error.response.status_code != 412 or attempt == ATTEMPTS - 1:
                raise
            continue
        if target.tag and target.tag not in there.tags:
            api.create_tag(target.repo_id, tag=target.tag, revision=commit, repo_type="dataset")
        return Pushed(done.config, done.splits, done.sent, done.removed, done.same, commit)
    raise AssertionError("unreachable")


def _look(api: Any, target: Target, folder: Path, *, make: bool) -> _Remote:
    """The repository as it is now; with ``make`` it (and its branch) is there afterwards."""
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError
    from huggingface_hub.hf_api import RepoFile

    name, kind = target.repo_id, "dataset"
    try:
        info = api.dataset_info(name, revision=target.revision)
    except RevisionNotFoundError:
        if make:
            api.create_branch(name, branch=target.revision, repo_type=kind)
        info = api.dataset_info(name, revision=target.revision if make else "main")
    except RepositoryNotFoundError:
        if not make:
            return _Remote()
        api.create_repo(name, repo_type=kind, private=target.private or None)
        if target.revision != "main":
            api.create_branch(name, branch=target.revision, repo_type=kind)
        info = api.dataset_info(name, revision=target.revision)
    tree = api.list_repo_tree(name, repo_type=kind, revision=info.sha, recursive=True)
    found = {f.path: (f.size, f.lfs.sha256 if f.lfs else f.blob_id) for f in tree if isinstance(f, RepoFile)}
    card = ""
    if "README.md" in found:
        place = folder / info.sha
        file = api.hf_hub_download(name, "README.md", repo_type=kind, revision=info.sha, local_dir=place)
        card = Path(file).read_bytes().decode()
    tags = {tag.name: tag.target_commit for tag in api.list_repo_refs(name, repo_type=kind).tags}
    return _Remote(info.sha, found, card, tags, info.private)


def _refuse(there: _Remote, target: Target, changes: bool) -> None:
    if target.private and there.private is False:
        raise ChatdescError(f"{target.repo_id} is public already; make it private in its settings, or leave --private")
    if target.tag in there.tags and (changes or there.tags[str(target.tag)] != there.sha):
        raise ChatdescError(f"{target.repo_id} has a tag {target.tag} already, on another commit; choose another --tag")


def _plan(built: _Built, there: _Remote, target: Target) -> _Plan:
    digests = {path: digest for path, (_, digest) in there.files.items()}
    add: dict[str, Path | bytes] = {p: file for p, file in built.shards.items() if digests.get(p) != _sha256(file)}
    old = re.compile(rf"{re.escape(built.config)}/({'|'.join(built.infos)})-\d{{5}}-of-\d{{5}}\.parquet")
    remove = [path for path in there.files if old.fullmatch(path) and path not in built.shards]
    same = len(built.shards) - len(add)
    card = _card(built, there, target)
    if card != there.card:
        add["README.md"] = card.encode()
    metadata, _ = shared_card.parted(card)
    described = croissant.dumped(croissant.describe(target.repo_id, metadata, target.revision)).encode()
    assert_clean(described.decode(), "the Croissant metadata ")
    if digests.get(croissant.FILE) not in (_blob_id(described), hashlib.sha256(described).hexdigest()):
        add[croissant.FILE] = described
    return _Plan(add, remove, same)


def _card(built: _Built, there: _Remote, target: Target) -> str:
    """The repository's card with this configuration's part anew, made from the rows of all its splits."""
    from chatdesc.share.card import Tally, render

    metadata, body = shared_card.parted(there.card)
    before = shared_card.patterns_of(metadata, built.config)
    kept = [split for split in before if split not in built.infos]
    _refuse_other_columns(shared_card.entry(metadata, "dataset_info", built.config), built, kept)
    tally = Tally(built.dataset)
    known = {s["name"]: s for s in shared_card.entry(metadata, "dataset_info", built.config).get("splits") or []}
    infos = {}
    for split in sorted([*kept, *built.infos]):
        count = 0
        for count, row in enumerate(_card_rows(split, built, there, target), 1):  # noqa: B007
            tally.add(row)
        infos[split] = (
            built.infos.get(split) or known.get(split) or {"name": split, "num_bytes": 0, "num_examples": count}
        )
    info = _dataset_info(infos, _size(built, there, [before[split] for split in kept]), built.metadata)
    chosen = {**(metadata.get("text_licences") or {})}
    chosen |= {built.config: target.text_licence} if target.text_licence else {}
    new, section = shared_card.parted(render(tally, info, chosen.get(built.config)))
    section = section.replace(f'"PATH_OR_REPOSITORY", "{built.dataset}"', f'"{target.repo_id}", "{built.config}"')
    section = section.replace(
        f"PATH_OR_REPOSITORY --config {built.dataset}", f"{target.repo_id} --config {built.config}"
    )
    assert_clean(section, "the card ")
    patterns = {split: before[split] if split in kept else f"{built.config}/{split}-*.parquet" for split in infos}
    merged = shared_card.merged(metadata, new, built.config, patterns)
    merged |= {"text_licences": chosen} if chosen else {}  # a later push of another split says the same
    return shared_card.joined(merged, shared_card.with_section(body, built.config, section))


def _refuse_other_columns(described: Row, built: _Built, kept: list[str]) -> None:
    if kept and described and described.get("features") != built.metadata["dataset_info"]["features"]:
        raise ChatdescError(
            f"{built.config} has other columns in the repository, and its splits must agree; "
            f"push {' and '.join(kept)} as well, or choose another --config"
        )


def _card_rows(split: str, built: _Built, there: _Remote, target: Target) -> Iterator[Row]:
    """The columns that the card speaks of: of what is pushed from its shards, of what stays from the repository."""
    from datasets import load_dataset

    if split in built.infos:
        files = [str(f) for path, f in built.shards.items() if path.startswith(f"{built.config}/{split}-")]
        yield from _columns_of(files)
    else:
        part = load_dataset(target.repo_id, built.config, split=split, streaming=True, revision=there.sha)
        yield from part.select_columns(list(CARD_COLUMNS))


def _columns_of(files: list[str]) -> Iterator[Row]:
    import pyarrow.parquet as pq

    for file in files:
        with pq.ParquetFile(file) as shard:
            for batch in shard.iter_batches(columns=list(CARD_COLUMNS)):
                yield from batch.to_pylist()


def _size(built: _Built, there: _Remote, patterns: list[Any]) -> int:
    from fnmatch import fnmatch

    listed = [one for pattern in patterns for one in (pattern if isinstance(pattern, list) else [pattern])]
    kept = sum(size for path, (size, _) in there.files.items() if any(fnmatch(path, one) for one in listed))
    return kept + sum(file.stat().st_size for file in built.shards.values())


def _dataset_info(infos: dict[str, Row], size: int, metadata: Row) -> Any:
    from datasets import DatasetInfo, SplitDict, SplitInfo

    from chatdesc.rows.schema import features

    splits = SplitDict()
    for name, info in infos.items():
        splits[name] = SplitInfo(name, num_bytes=info["num_bytes"], num_examples=info["num_examples"])
    with_images = any(column["name"] == "images" for column in metadata["dataset_info"]["features"])
    total = sum(info["num_bytes"] for info in infos.values())
    return DatasetInfo(features=features(with_images), splits=splits, download_size=size, dataset_size=total)


def _commit(api: Any, plan: _Plan, there: _Remote, target: Target, message: str) -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    if not plan.add and not plan.remove:
        return str(there.sha)
    steps: list[Any] = [CommitOperationAdd(path, content) for path, content in plan.add.items()]
    steps += [CommitOperationDelete(path) for path in plan.remove]
    done = api.create_commit(
        target.repo_id,
        steps,
        commit_message=message,
        repo_type="dataset",
        revision=target.revision,
        parent_commit=there.sha,
    )
    return str(done.oid)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _blob_id(content: bytes) -> str:
    """What git calls a file that is not in LFS."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def _advice(target: Target) -> Iterator[None]:
    """What the Hub or the connection to it refuse, as a message that says what to do."""
    try:
        yield
    except ChatdescError:
        raise
    except Exception as error:
        said = _remedy(error, target)
        if said is None:
            raise
        raise ChatdescError(f"{target.repo_id}: {said}") from error


def _remedy(error: BaseException, target: Target) -> str | None:
    from huggingface_hub.errors import HfHubHTTPError

    reasons = list(_chain(error))
    refused = next((e for e in reasons if isinstance(e, HfHubHTTPError) and e.response is not None), None)
    if refused is not None:
        return _refusal(refused.response.status_code, refused.response.headers, refused, target)
    if any(type(e).__module__.startswith("httpx") or isinstance(e, ConnectionError) for e in reasons):
        return f"the connection to the Hub was lost. {AGAIN}"
    if isinstance(error, ValueError):
        return f"{one_line(str(error))[:300]}"
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes: uploads run in threads, and wrap what they raise."""
    while error is not None:
        yield error
        error = error.__cause__


def _refusal(status: int, headers: Any, error: BaseException, target: Target) -> str:
    if status == 429:
        wait = headers.get("Retry-After")
        return f"the Hub has had too many requests; wait {f'{wait} seconds' if wait else 'a few minutes'}. {AGAIN}"
    if status >= 500:
        return f"the Hub has a fault of its own ({status}); try again in a while. {AGAIN}"
    owner = target.repo_id.split("/")[0]
    return {
        401: "the Hub does not accept the token; sign in anew with `hf auth login`, or set HF_TOKEN",
        403: f"the token may not write there; take one with write access to what {owner} owns, or another repository",
        404: "there is no such repository or revision, or it is not for you to see",
        409: f"somebody is changing the repository at this moment. {AGAIN}",
        412: f"others pushed at the same time, {ATTEMPTS} times over. {AGAIN}",
    }.get(status, f"the Hub refused ({status}): {one_line(str(error))[:300]}")
