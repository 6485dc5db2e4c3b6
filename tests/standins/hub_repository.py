"""What the stand-in Hub keeps: users, repositories, their commits and files."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass

from tests.standins import hub_rules


@dataclass
class User:
    name: str
    may_write: bool = True


@dataclass
class File:
    """A file at a commit: its content, and whether it is kept as LFS."""

    data: bytes
    large: bool

    @property
    def sha256(self):
        return hashlib.sha256(self.data).hexdigest()

    @property
    def oid(self):
        data = self.data
        if self.large:
            data = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(data)}\n".encode()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Repository:
    def __init__(self, private):
        self.private, self.commits, self.branches, self.tags = private, {}, {}, {}
        self.gated = self.disabled = False
        self.full = None  # words about a quota, with which files and commits are refused
        self.protected = {}  # words by branch
        self.lock = threading.Lock()
        self.record("main", {".gitattributes": File(hub_rules.ATTRIBUTES, False)})

    def rules(self, sha, name):
        """The text of ``.gitignore`` or ``.gitattributes`` at a commit."""
        return self.commits[sha][name].data.decode() if name in self.commits[sha] else ""

    def record(self, branch, files):
        parent = self.branches.get(branch)
        said = repr((parent, len(self.commits), sorted((path, file.oid) for path, file in files.items())))
        sha = hashlib.sha1(said.encode()).hexdigest()
        self.commits[sha], self.branches[branch] = files, sha
        return sha

    def resolve(self, revision):
        sha = self.branches.get(revision) or self.tags.get(revision) or revision
        if sha not in self.commits:
            raise Refusal(404, "Invalid rev id", "RevisionNotFound")
        return sha


class Refusal(Exception):
    def __init__(self, status, message, code=None):
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
