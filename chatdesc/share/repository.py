"""A dataset repository on the Hub: its state at one commit, and a commit on top of it.

>>> Target("user/lasot-chatdesc", split="test").revision
'main'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from chatdesc.types import ChatdescError

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
    from huggingface_hub.hf_api import DatasetInfo

KIND = "dataset"


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
        sha: the commit; None where there is no repository yet.
        files: size in bytes and checksum of each file (SHA-256 in LFS, git's blob id otherwise), by path.
        card: its README.md.
        tags: the commit of each tag.
        private: None where that is not known.
    """

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
        return Remote()
    files = _files(api, target, str(info.sha))
    card = ""
    if "README.md" in files:
        place = folder / str(info.sha)
        file = api.hf_hub_download(target.repo_id, "README.md", repo_type=KIND, revision=info.sha, local_dir=place)
        card = Path(file).read_bytes().decode()
    tags = {tag.name: tag.target_commit for tag in api.list_repo_refs(target.repo_id, repo_type=KIND).tags}
    return Remote(info.sha, files, card, tags, info.private)


def _info(api: HfApi, target: Target, make: bool) -> DatasetInfo | None:
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    name = target.repo_id
    try:
        return api.dataset_info(name, revision=target.revision)
    except RevisionNotFoundError:
        if make:
            api.create_branch(name, branch=target.revision, repo_type=KIND)
        return api.dataset_info(name, revision=target.revision if make else "main")
    except RepositoryNotFoundError:
        if not make:
            return None
        api.create_repo(name, repo_type=KIND, private=target.private or None)
        if target.revision != "main":
            api.create_branch(name, branch=target.revision, repo_type=KIND)
        return api.dataset_info(name, revision=target.revision)


def _files(api: HfApi, target: Target, sha: str) -> dict[str, tuple[int, str]]:
    from huggingface_hub.hf_api import RepoFile

    tree = api.list_repo_tree(target.repo_id, repo_type=KIND, revision=sha, recursive=True)
    files = (file for file in tree if isinstance(file, RepoFile))
    return {file.path: (file.size, file.lfs.sha256 if file.lfs else file.blob_id) for file in files}


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
    if not changes.add and not changes.remove:
        return str(remote.sha)
    done = api.create_commit(
        target.repo_id,
        _steps(changes.add, changes.remove),
        commit_message=message,
        repo_type=KIND,
        revision=target.revision,
        parent_commit=remote.sha,
    )
    return str(done.oid)


def _steps(add: Mapping[str, Path | bytes], remove: list[str]) -> list[CommitOperationAdd | CommitOperationDelete]:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    added = [CommitOperationAdd(path, content) for path, content in add.items()]
    return [*added, *(CommitOperationDelete(path) for path in remove)]
