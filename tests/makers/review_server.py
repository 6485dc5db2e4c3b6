"""A review served by a real process, and requests to it as any program on this machine could send them."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from dataclasses import replace

from chatdesc.decisions.access import Access
from chatdesc.decisions.journal import Journal
from chatdesc.decisions.routes import application
from chatdesc.decisions.served import Served
from chatdesc.decisions.serving import bound, server_of
from chatdesc.page.material import gather
from chatdesc.rows.schema import empty_row
from chatdesc.rows.store import Store

PATIENCE = 60  # seconds


def a_run(place, *, count=3, **columns):
    """A run of so many rows without frames."""
    with Store.open(place, {"dataset": "lasot"}) as store:
        for number in range(count):
            texts = {"manual_text": f"a kite {number}", "text": f"a red kite {number}", "text_source": "refined"}
            row = {"sequence": f"kite-{number}", "dataset": "lasot", "split": "test", "status": "ok", "num_frames": 3}
            store.save(empty_row() | row | texts | columns)
    return place


def sent(sequence="kite-0", verdict="skip", **more):
    """A decision as the page sends it."""
    needed = {"accept": {"side": "refined"}, "edit": {"text": "a blue kite"}, "flag": {"kind": "typo"}}
    record = {"id": uuid.uuid4().hex, "dataset": "lasot", "split": "test", "sequence": sequence, "verdict": verdict}
    return record | needed.get(verdict, {}) | more


class Answer:
    """What the server answered."""

    def __init__(self, answer):
        self.status, self.headers, self.body = answer.status, answer.headers, answer.read()

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """Requests to a review at ``port`` with its ``token``."""

    port: int
    token: str

    @property
    def address(self):
        """What `chatdesc review` would print."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    @property
    def cookie(self):
        return f"chatdesc-review-{self.port}={self.token}"

    def ask(self, path="/", body=None, method=None, **headers):
        """A request; a header None is not sent, ``json`` bodies are encoded."""
        given = {"Host": f"127.0.0.1:{self.port}", "Cookie": self.cookie}
        if body is not None:
            given |= {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{self.port}"}
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.putrequest(method or ("GET" if body is None else "POST"), path, skip_host=True)
            for name, value in given.items():
                if value is not None:
                    connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def decide(self, *decisions):
        """Send decisions: the answer's JSON."""
        answer = self.ask("/decisions", {"decisions": [*decisions]})
        assert answer.status == 200, answer.body
        return answer.json

    def decisions(self, after=0):
        """The decisions that the server has."""
        return self.ask(f"/decisions?after={after}").json["decisions"]


class Server(Client):
    """``chatdesc review`` as a process of its own, ready when it is made."""

    def __init__(self, *arguments, port=0, reviewer="ada"):
        command = ["review", *arguments, "--no-browser", "--port", port, "--reviewer", reviewer]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chatdesc", *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "COLUMNS": "200", "PYTHONPATH": os.pathsep.join(map(str, sys.path))},
        )
        self.said = ""
        for line in self.process.stdout:
            self.said += line
            if found := re.search(r"http://127\.0\.0\.1:(\d+)/\?token=(\S+)", line):
                self.url, self.port, self.token = found.group(), int(found[1]), found[2]
                break
        else:
            raise AssertionError(f"no address: {self.said}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(PATIENCE)
        self.process.stdout.close()

    def stop(self):
        """Press Ctrl-C: what it says, and its exit code."""
        self.process.send_signal(signal.SIGINT)
        said = self.process.stdout.read()
        return said, self.process.wait(PATIENCE)


class Local(Client):
    """The same server on a port of this process, which starts in no time."""

    def __init__(self, run, *, root=None, decisions=None, reviewer="ada", blind=False, grounder=None, named=()):
        self.token, at = "a-token", bound(0)
        self.port = at.getsockname()[1]
        journal = Journal(decisions or run / "review", reviewer)
        material = replace(gather(run, root, named=named), grounder=grounder)
        app = Access(application(Served.of(material, journal, blind)), self.port, self.token)
        self._server = server_of(app)
        self._thread = threading.Thread(target=self._server.run, args=([at],), daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join(PATIENCE)
