"""A dataset repository on the Hub: its state at one commit, and a commit on top of it.

>>> Target("user/lasot-chatdesc", split="test").revision
'main'
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from chatdesc.names import some
from chatdesc.share.card_yaml import decoded
from chatdesc.types import ChatdescError

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
    from huggingface_hub.hf_api import DatasetInfo, RepoFile, RepoFolder

KIND = "dataset"
SHA256 = 64  # characters; git's own names have 40
ASKED_AT_ONCE = 500  # paths; the Hub takes a thousand


@dataclass(frozen=True, slots=True)
class Target:
    """Where a run is pushed, and which part of it.

    Attributes:
        repo_id: ``user/name``.
        config: the configuration's name in the repository; None takes the source dataset's name.
        split: only this split; None takes all.
        private: create the repository as private.
        include_frames: push the run's frames too.
        revision: the branch.
        tag: a tag for the commit.
        dry_run: send nothing.
        text_licence: the licence of the new texts, as the Hub spells it.
    """

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
class Remote:
    """A repository at one commit.

    Attributes:
        repo_id: its name now; the Hub forwards from the one that it had before it was renamed.
        sha: the commit; None where there is no repository yet.
        files: size in bytes and checksum of each file (SHA-256 in LFS, git's blob id otherwise), by path.
        card: its README.md.
        tags: the commit of each tag.
        private: None where that is not known.
    """

    repo_id: str
    sha: str | None = None
    files: dict[str, tuple[int, str]] = field(default_factory=dict)
    card: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    private: bool | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """A commit's files: new or changed ones by path, and paths to delete; ``same`` counts the unchanged shards."""

    add: dict[str, Path | bytes]
    remove: list[str]
    same: int


def look(api: HfApi, target: Target, folder: Path, *, make: bool) -> Remote:
    """The repository as it is now.

    Args:
        folder: where its card may be downloaded to.
        make: create the repository and the branch if they do not exist.
    """
    info = _info(api, target, make)
    if info is None:
        return Remote(target.repo_id)
    name = info.id or target.repo_id
    files = _files(api, name, str(info.sha))
    card = ""
    if "README.md" in files:
        place = folder / str(info.sha)
        file = api.hf_hub_download(name, "README.md", repo_type=KIND, revision=info.sha, local_dir=place)
        card = decoded(Path(file).read_bytes())
    tags = {tag.name: tag.target_commit for tag in api.list_repo_refs(name, repo_type=KIND).tags}
    return Remote(name, info.sha, files, card, tags, info.private)


def _info(api: HfApi, target: Target, make: bool) -> DatasetInfo | None:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    name = target.repo_id
    try:
        return api.dataset_info(name, revision=target.revision)
    except GatedRepoError:  # for huggingface_hub a kind of RepositoryNotFoundError, but it is there
        raise
    except RevisionNotFoundError:
        if make:
            _make_branch(api, target)
        return api.dataset_info(name, revision=target.revision if make else "main")
    except RepositoryNotFoundError:
        if not make:
            return None
        _make(api, target)
        if target.revision != "main":
            _make_branch(api, target)
        return api.dataset_info(name, revision=target.revision)


def _make(api: HfApi, target: Target) -> None:
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    try:
        api.create_repo(target.repo_id, repo_type=KIND, private=target.private or None)
    except HfHubHTTPError as error:
        if error.response.status_code != 409:
            raise
        try:
            api.dataset_info(target.repo_id)  # another push made it meanwhile
        except RepositoryNotFoundError:
            raise ChatdescError(
                f"{target.repo_id}: it exists, but this token may not see it; take one that may read and write there"
            ) from error


def _make_branch(api: HfApi, target: Target) -> None:
    api.create_branch(target.repo_id, branch=target.revision, repo_type=KIND, exist_ok=True)


def _files(api: HfApi, name: str, sha: str) -> dict[str, tuple[int, str]]:
    return _by_path(api.list_repo_tree(name, repo_type=KIND, revision=sha, recursive=True))


def _by_path(entries: Iterable[RepoFile | RepoFolder]) -> dict[str, tuple[int, str]]:
    from huggingface_hub.hf_api import RepoFile

    files = (entry for entry in entries if isinstance(entry, RepoFile))
    return {file.path: (file.size, file.lfs.sha256 if file.lfs else file.blob_id) for file in files}


def holds(files: Mapping[str, tuple[int, str]], path: str, content: Path | bytes) -> bool:
    """Whether a repository's file is this one: by SHA-256 in LFS, by git's blob id otherwise."""
    size, known = files.get(path, (-1, ""))
    if size != size_of(content):
        return False
    return known == (_digest("sha256", b"", content) if len(known) == SHA256 else blob_id(content))


def blob_id(content: Path | bytes) -> str:
    """Git's name for a file that is not in LFS.

    >>> blob_id(b"")
    'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
    """
    return _digest("sha1", b"blob %d\0" % size_of(content), content)


def size_of(content: Path | bytes) -> int:
    """The bytes of a file that is to be committed."""
    return content.stat().st_size if isinstance(content, Path) else len(content)


def _digest(algorithm: str, start: bytes, content: Path | bytes) -> str:
    digest = hashlib.new(algorithm, start)
    if isinstance(content, bytes):
        digest.update(content)
    else:
        with content.open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    return digest.hexdigest()


def refuse(remote: Remote, target: Target, changes: Changes) -> None:
    """Refuse a repository that is public against the user's wish, or a tag that is taken.

    Raises:
        ChatdescError: with the remedy.
    """
    if target.private and remote.private is False:
        raise ChatdescError(f"{target.repo_id} is public already; make it private in its settings, or leave --private")
    moved = bool(changes.add or changes.remove)
    if target.tag in remote.tags and (moved or remote.tags[str(target.tag)] != remote.sha):
        raise ChatdescError(f"{target.repo_id} has a tag {target.tag} already, on another commit; choose another --tag")


def commit(api: HfApi, changes: Changes, remote: Remote, target: Target, message: str) -> str:
    """Commit the changes on top of ``remote``; the commit's id, or that of ``remote`` where nothing changes."""
    from huggingface_hub import CommitOperationAdd

    if not changes.add and not changes.remove:
        return str(remote.sha)
    steps = _steps(changes.add, changes.remove)
    additions = [step for step in steps if isinstance(step, CommitOperationAdd)]
    name, branch = remote.repo_id, target.revision
    api.preupload_lfs_files(name, additions, repo_type=KIND, revision=branch, free_memory=False)
    _refuse_ignored(remote, [step.path_in_repo for step in additions if getattr(step, "_should_ignore", False)])
    done = api.create_commit(
        name, steps, commit_message=message, repo_type=KIND, revision=branch, parent_commit=remote.sha
    )
    _verify(api, changes, remote, str(done.oid))
    return str(done.oid)


def _refuse_ignored(remote: Remote, ignored: list[str]) -> None:
    if ignored:
        raise ChatdescError(
            f"{remote.repo_id}: its .gitignore keeps out {some(ignored)}; take the pattern out of .gitignore there. "
            "Nothing was published."
        )


def _verify(api: HfApi, changes: Changes, remote: Remote, sha: str) -> None:
    """Look whether the commit holds what was sent, and no more what was deleted."""
    paths = [*changes.add, *changes.remove]
    files: dict[str, tuple[int, str]] = {}
    for start in range(0, len(paths), ASKED_AT_ONCE):
        some_paths = paths[start : start + ASKED_AT_ONCE]
        files |= _by_path(api.get_paths_info(remote.repo_id, some_paths, repo_type=KIND, revision=sha))
    missing = [path for path, content in changes.add.items() if not holds(files, path, content)]
    staying = [path for path in changes.remove if path in files]
    if missing or staying:
        what = [f"does not hold {some(missing)} as sent"] * bool(missing) + [f"still holds {some(staying)}"] * bool(
            staying
        )
        raise ChatdescError(
            f"{remote.repo_id}: the commit {sha[:7]} {' and '.join(what)}; look at .gitignore and at the rules of the "
            "repository, then push again: what is missing is sent"
        )


def _steps(add: Mapping[str, Path | bytes], remove: Iterable[str]) -> list[CommitOperationAdd | CommitOperationDelete]:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    added = [CommitOperationAdd(path, content) for path, content in add.items()]
    return [*added, *(CommitOperationDelete(path) for path in remove)]
