"""A Hub in memory, spoken to over real HTTP: what huggingface_hub and datasets ask of it for datasets and models.

    with Hub({"hf_ada": User("ada")}) as hub:
        subprocess.run(..., env=os.environ | {"HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_ada"})
        hub.files("ada/lasot")      # path -> bytes, at the head of main; of a model: hub.files("models/ada/mine")

A commit is applied whole or not at all. ``hub.faults`` makes requests fail; ``hub.log`` has every request. Statuses,
headers and bodies are those that huggingface_hub 2.4 and hf-xet 1.8 expect in their code; the words in them are made up
except where huggingface_hub compares them. Repositories may be gated, disabled, full, renamed, or protect a branch.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from tests.standins import hub_rules, hub_xet
from tests.standins.hub_repository import File, Refusal, Repository, User

DATE = "2026-01-01T00:00:00.000Z"
ROUTES = []
__all__ = ["Fault", "Hub", "User"]


@dataclass
class Fault:
    """The next ``times`` requests that match are answered with ``status``.

    0 cuts the connection within the body, -1 accepts the request and never answers it. ``page`` stands in place of the
    JSON, as from a proxy.
    """

    method: str
    path: str
    status: int
    times: int = 1
    headers: dict = field(default_factory=dict)
    message: str = "asked for by a test"
    page: bytes = b""


def route(method, pattern):
    pattern = pattern.replace("/api/{id}", "/api/(?P<kind>datasets|models)/{id}")
    pattern = pattern.replace("{id}", "(?P<id>[^/]+/[^/]+)").replace("{rev}", "(?P<rev>[^/]+)")

    def listed(call):
        ROUTES.append((method, re.compile(pattern), call))
        return call

    return listed


class Hub:
    """The server; ``users`` are by their tokens."""

    def __init__(self, users):
        self.users, self.repositories, self.uploads, self.xorbs, self.renamed = users, {}, {}, {}, {}
        self.faults, self.log, self.page_size = [], [], 1000
        self.loses = None  # a path that commits leave out without a word
        self.closing = threading.Event()
        handler = type("BoundHandler", (Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.storage = self.url  # where uploads by xet go

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def head(self, name, branch="main"):
        return self.repositories[name].branches[branch]

    def files(self, name, revision="main"):
        """Path -> bytes, without the ``.gitattributes`` that every new repository has."""
        repository = self.repositories[name]
        files = repository.commits[repository.resolve(revision)]
        return {p: f.data for p, f in files.items() if f.data != hub_rules.ATTRIBUTES}

    def rename(self, old, new):
        self.repositories[new], self.renamed[old] = self.repositories.pop(old), new

    def put(self, name, files, private=False):
        """What others have pushed: files by path; a repository that is not there is made."""
        repository = self.repositories.setdefault(name, Repository(private))
        head = repository.branches["main"]
        attributes = files.get(".gitattributes", repository.rules(head, ".gitattributes").encode()).decode()
        put = {path: File(data, hub_rules.large(path, len(data), attributes)) for path, data in files.items()}
        return repository.record("main", dict(repository.commits[head]) | put)

    def requests(self, method, path=""):
        return [entry for entry in self.log if entry[0] == method and re.search(path, entry[1])]

    def fault_for(self, method, path):
        for fault in self.faults:
            if fault.times and fault.method == method and re.search(fault.path, path):
                fault.times -= 1
                return fault
        return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub = None

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=()):
        if not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **dict(headers)}
        self.hub.log.append((self.command, self.path, status))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_request(self):
        address = urlsplit(self.path)
        fault = self.hub.fault_for(self.command, address.path)
        if fault and fault.status == -1:
            self.hub.log.append((self.command, self.path, -1))
            self.hub.closing.wait()
        if fault and fault.status <= 0:
            self.rfile.read(min(100, int(self.headers.get("Content-Length") or 0)))
            self.hub.log.append((self.command, self.path, 0))
            self.close_connection = True
            self.connection.close()
            return
        self.query = {name: values[0] for name, values in parse_qs(address.query).items()}
        self.body = self.read_body()
        try:
            if fault:
                headers = {"Content-Type": "text/html"} if fault.page else {"X-Error-Message": fault.message}
                self.answer(fault.status, fault.page or {"error": fault.message}, headers | fault.headers)
                return
            self.user = self.who()
            self.dispatch(address.path)
        except Refusal as refusal:
            told = {"X-Error-Message": refusal.message} | ({"X-Error-Code": refusal.code} if refusal.code else {})
            self.answer(refusal.status, {"error": refusal.message}, told)

    do_GET = do_HEAD = do_POST = do_PUT = handle_request  # noqa: N815

    def read_body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def dispatch(self, path):
        method = "GET" if self.command == "HEAD" else self.command
        old = next((name for name in self.hub.renamed if re.search(rf"/datasets/{name}(?=[/.]|$)", path)), None)
        if old:
            self.answer(307, b"", {"Location": self.path.replace(old, self.hub.renamed[old])})
            return
        for known, pattern, call in ROUTES:
            match = pattern.fullmatch(path) if known == method else None
            if match:
                self.answer(*call(self, **_named(match)))
                return
        raise Refusal(404, f"no such address: {self.command} {path}")

    def who(self):
        said = self.headers.get("Authorization")
        if not said or self.path.startswith(("/upload/", "/download/")):
            return None
        if self.path.startswith(("/v1/", "/v2/")):
            if said != "Bearer xet-token":
                raise Refusal(401, "no token for the storage")
            return None
        user = self.hub.users.get(said.removeprefix("Bearer "))
        if user is None:
            raise Refusal(401, "Invalid credentials in Authorization header")
        return user

    def repository(self, name, write=False):
        found, owner = self.hub.repositories.get(name), self.user is not None and self.user.name == _owner(name)
        if found is None or (found.private and not owner):
            # A private repository is not admitted to exist.
            raise Refusal(404 if self.user else 401, "Repository not found", "RepoNotFound")
        if found.disabled:
            raise Refusal(403, "Access to this resource is disabled.")
        if found.gated and not owner and (write or "/resolve/" in self.path):
            raise Refusal(403 if self.user else 401, "Access to this dataset is restricted.", "GatedRepo")
        if write and not (owner and self.user.may_write):
            raise Refusal(403 if self.user else 401, "You may not write here")
        return found

    @route("GET", "/api/whoami-v2")
    def whoami(self):
        if self.user is None:
            raise Refusal(401, "Invalid username or password.")
        return 200, {"type": "user", "name": self.user.name, "orgs": []}

    @route("POST", "/api/repos/create")
    def create(self):
        if self.user is None:
            raise Refusal(401, "Invalid username or password.")
        asked = json.loads(self.body)
        name = f"{asked.get('organization') or self.user.name}/{asked['name']}"
        if name.split("/")[0] != self.user.name or not self.user.may_write:
            raise Refusal(403, f"You don't have the rights to create a dataset under {name.split('/')[0]}")
        kind = {"dataset": "datasets/"}.get(asked.get("type"), "")
        told = {"url": f"{self.hub.url}/{kind}{name}", "id": name, "name": name}
        name = name if kind else f"models/{name}"
        if name in self.hub.repositories:
            return 409, {"error": "You already created this dataset repo", **told}
        private = bool(asked.get("private")) or asked.get("visibility") == "private"
        self.hub.repositories[name] = Repository(private)
        return 200, told

    @route("POST", "/api/validate-yaml")
    def validate(self):
        return 200, {"errors": [], "warnings": []}

    @route("GET", "/api/{id}(?:/revision/{rev})?")
    def info(self, id, rev):  # noqa: A002
        found = self.repository(id)
        sha = found.resolve(rev or "main")
        siblings = [{"rfilename": path} for path in found.commits[sha]]
        dates = {"createdAt": DATE, "lastModified": DATE}
        flags = {
            "private": found.private,
            "gated": found.gated,
            "disabled": found.disabled,
            "tags": [],
            "downloads": 0,
            "likes": 0,
        }
        return 200, {
            "_id": "1",
            "id": id.removeprefix("models/"),
            "author": _owner(id),
            "sha": sha,
            "siblings": siblings,
            **dates,
            **flags,
        }

    @route("GET", "/api/{id}/tree/{rev}(?:/(?P<path>.+))?")
    def tree(self, id, rev, path):  # noqa: A002
        found = self.repository(id)
        files, start = found.commits[found.resolve(rev)], f"{path.rstrip('/')}/" if path else ""
        inside = sorted(name for name in files if name.startswith(start))
        if path and not inside:
            raise Refusal(404, "no such folder", "EntryNotFound")
        deep = self.query.get("recursive", "").lower() == "true"
        folders = {start + name[len(start) :].split("/")[0] for name in inside if "/" in name[len(start) :]}
        shown = [name for name in inside if deep or "/" not in name[len(start) :]]
        listed = [_folder(name) for name in sorted(folders)] + [_file(name, files[name]) for name in shown]
        first = int(self.query.get("cursor", 0))
        after = first + self.hub.page_size
        query = urlencode(self.query | {"cursor": str(after)})
        link = f'<{self.hub.url}{urlsplit(self.path).path}?{query}>; rel="next"'
        return 200, listed[first:after], {"Link": link} if after < len(listed) else {}

    @route("POST", "/api/{id}/paths-info/{rev}")
    def paths_info(self, id, rev):  # noqa: A002
        found = self.repository(id)
        files, text = found.commits[found.resolve(rev)], self.body.decode()
        asked = json.loads(text)["paths"] if text.startswith("{") else parse_qs(text).get("paths", [])
        folders = [path for path in asked if any(name.startswith(path.rstrip("/") + "/") for name in files)]
        return 200, [_file(path, files[path]) for path in asked if path in files] + [_folder(path) for path in folders]

    @route("GET", "/api/{id}/refs")
    def refs(self, id):  # noqa: A002
        found = self.repository(id)

        def listed(refs, kind):
            return [{"name": n, "ref": f"refs/{kind}/{n}", "targetCommit": sha} for n, sha in refs.items()]

        return 200, {"branches": listed(found.branches, "heads"), "tags": listed(found.tags, "tags"), "converts": []}

    @route("POST", "/api/{id}/branch/{rev}")
    def branch(self, id, rev):  # noqa: A002
        found = self.repository(id, write=True)
        if rev in found.branches:
            raise Refusal(409, "Reference already exists")
        found.branches[rev] = found.resolve(json.loads(self.body or b"{}").get("startingPoint") or "main")
        return 200, {}

    @route("POST", "/api/{id}/tag/{rev}")
    def tag(self, id, rev):  # noqa: A002
        found, asked = self.repository(id, write=True), json.loads(self.body)
        if asked["tag"] in found.tags:
            raise Refusal(409, "Tag already exists")
        found.tags[asked["tag"]] = found.resolve(rev)
        return 200, {}

    @route("POST", "/api/{id}/preupload/{rev}")
    def preupload(self, id, rev):  # noqa: A002
        found = self.repository(id, write=True)
        sha, asked = found.resolve(rev), json.loads(self.body)
        ignore = asked.get("gitIgnore", found.rules(sha, ".gitignore"))
        attributes = found.rules(sha, ".gitattributes")

        def mode(path, size):
            old, large = found.commits[sha].get(path), hub_rules.large(path, size, attributes)
            oid = None if old is None else old.sha256 if old.large else old.oid
            ignored = hub_rules.ignored(path, ignore)
            return {"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": ignored, "oid": oid}

        return 200, {"files": [mode(one["path"], one["size"]) for one in asked["files"]]}

    @route("POST", r"(?:/(?P<kind>datasets))?/{id}\.git/info/lfs/objects/batch")
    def batch(self, id):  # noqa: A002
        found = self.repository(id, write=True)
        if found.full:
            raise Refusal(403, found.full)
        objects = [{"oid": asked["oid"], "size": asked["size"]} for asked in json.loads(self.body)["objects"]]
        for one in objects:
            if one["oid"] not in self.hub.uploads:  # or else the client need not send it
                place = f"{self.hub.url}/upload/{one['oid']}"
                one["actions"] = {"upload": {"href": place}, "verify": {"href": f"{place}/verify"}}
        return 200, {"transfer": "basic", "objects": objects}

    @route("PUT", r"/upload/(?P<oid>\w+)")
    def upload(self, oid):
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise Refusal(400, "another checksum")
        self.hub.uploads[oid] = self.body
        return 200, b""

    @route("POST", r"/upload/(?P<oid>\w+)/verify")
    def verify(self, oid):
        if oid not in self.hub.uploads:
            raise Refusal(404, "nothing was uploaded")
        return 200, {}

    @route("GET", "/api/{id}/xet-write-token/{rev}")
    def xet_token(self, id, rev):  # noqa: A002
        found = self.repository(id, write=True)
        if found.full:
            raise Refusal(403, found.full)
        found.resolve(rev)
        told = {"casUrl": self.hub.storage, "accessToken": "xet-token", "exp": int(time.time()) + 3600}
        names = {"X-Xet-Cas-Url": "casUrl", "X-Xet-Access-Token": "accessToken", "X-Xet-Token-Expiration": "exp"}
        return 200, told, {header: str(told[name]) for header, name in names.items()}

    @route("POST", r"/v1/xorbs/default/(?P<name>\w+)")
    def xorb(self, name):
        self.hub.xorbs[name] = hub_xet.chunks(self.body)
        return 200, {"was_inserted": True}

    @route("POST", "/v1/shards")  # hf-xet asks for /v2/shards and for grants first, and goes on without them
    def shard(self):
        try:
            self.hub.uploads |= hub_xet.files(self.body, self.hub.xorbs)
        except (KeyError, ValueError) as error:
            raise Refusal(400, f"a file that cannot be put together: {error}") from error
        return 200, {"result": 1}

    @route("POST", "/v1/telemetry")
    def telemetry(self):
        return 200, {}

    @route("POST", "/api/{id}/commit/{rev}")
    def commit(self, id, rev):  # noqa: A002
        found = self.repository(id, write=True)
        words = found.full or found.protected.get(rev)
        if words:
            raise Refusal(403, words)
        header, *steps = [json.loads(line) for line in self.body.splitlines()]
        with found.lock:
            head = found.resolve(rev)
            if header["value"].get("parentCommit") not in (None, head):
                raise Refusal(412, "A commit has happened since. Please refresh and try again.")
            files = dict(found.commits[head])
            for step in steps:
                self.apply(files, step["key"], step["value"])
            sha = found.record(rev, files)
        page = id.removeprefix("models/") if id.startswith("models/") else f"datasets/{id}"
        return 200, {"success": True, "commitOid": sha, "commitUrl": f"{self.hub.url}/{page}/commit/{sha}"}

    def apply(self, files, key, value):
        path = value["path"]
        if path == self.hub.loses:
            return
        if key == "file":
            files[path] = File(base64.b64decode(value["content"]), False)
        elif key == "lfsFile" and value["oid"] in self.hub.uploads:
            files[path] = File(self.hub.uploads[value["oid"]], True)
        elif key == "deletedFile" and path in files:
            del files[path]
        else:
            raise Refusal(400, f"cannot do {key} of {path}")

    @route("GET", "(?:/(?P<kind>datasets))?/{id}/resolve/{rev}/(?P<path>.+)")
    def download(self, id, rev, path):  # noqa: A002
        found = self.repository(id)
        sha = found.resolve(rev)
        file = found.commits[sha].get(path)
        if file is None:
            raise Refusal(404, "Entry not found", "EntryNotFound")
        headers = {"X-Repo-Commit": sha, "ETag": f'"{file.sha256 if file.large else file.oid}"'}
        if not file.large:
            return self.part(file.data, headers)
        # Large files are on another host, as there: the client must not take its token along.
        self.hub.uploads[file.sha256] = file.data
        place = f"{self.hub.url.replace('127.0.0.1', 'localhost')}/download/{file.sha256}"
        linked = {"X-Linked-Size": str(len(file.data)), "X-Linked-ETag": headers["ETag"]}
        return 302, b"", headers | linked | {"Location": place}

    @route("GET", r"/download/(?P<oid>\w+)")
    def content(self, oid):
        return self.part(self.hub.uploads[oid], {"ETag": f'"{oid}"'})

    def part(self, data, headers):
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        headers = headers | {"Accept-Ranges": "bytes"}
        if not asked:
            return 200, data, headers
        first, last = int(asked[1]), min(int(asked[2] or len(data) - 1), len(data) - 1)
        return 206, data[first : last + 1], headers | {"Content-Range": f"bytes {first}-{last}/{len(data)}"}


def _named(match):
    """The parts of an address; a model's id begins with ``models/``, as datasets and models may have the same name."""
    parts = {name: value and unquote(value) for name, value in match.groupdict().items()}
    if "kind" in parts and parts.pop("kind") != "datasets":
        parts["id"] = f"models/{parts['id']}"
    return parts


def _owner(name):
    return name.removeprefix("models/").split("/")[0]


def _file(path, file):
    large = {"lfs": {"oid": file.sha256, "size": len(file.data), "pointerSize": 134}} if file.large else {}
    return {"type": "file", "path": path, "oid": file.oid, "size": len(file.data), **large}


def _folder(path):
    return {"type": "directory", "path": path, "oid": hashlib.sha1(path.encode()).hexdigest(), "size": 0}
