"""A headless Chromium, spoken to in the DevTools protocol through pipes: no driver, no port, no other package."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
LACKING = "there is no Chromium: apt-get install chromium"
FLAGS = (
    "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-dev-shm-usage", "--disable-extensions", "--mute-audio",
)  # fmt: skip
PATIENCE = 60  # seconds


def chromium():
    """The browser's program, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """A browser with one tab.

    Attributes:
        errors: exceptions, errors of the console, and what the content policy refused.
        requests: addresses that the page asked for, but those within the page itself.
    """

    def __init__(self):
        self.errors, self.requests, self._loads = [], [], 0
        self._folder = tempfile.TemporaryDirectory(prefix="chatdesc-chromium-", ignore_cleanup_errors=True)
        ours, theirs = [_high(os.pipe()) for _ in range(2)]
        self._write, self._read = ours[1], theirs[0]

        def take():
            os.dup2(ours[0], 3)
            os.dup2(theirs[1], 4)

        command = [chromium(), *FLAGS, f"--user-data-dir={self._folder.name}", "about:blank"]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, pass_fds=(3, 4), preexec_fn=take, **quiet)
        for end in (ours[0], theirs[1]):
            os.close(end)
        self._left, self._number, self._session = b"", 0, None
        self._target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._attach()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with suppress(OSError, AssertionError):
            self._session = None
            self._send("Browser.close")
            self._process.wait(10)
        self._process.kill()
        self._process.wait()
        for end in (self._write, self._read):
            os.close(end)
        self._folder.cleanup()

    def call(self, method, **parameters):
        """Call a method of the protocol: its result."""
        number = self._send(method, **parameters)
        while True:
            message = self._receive()
            if message.get("id") == number:
                assert "error" not in message, (method, message["error"])
                return message["result"]

    def open(self, page):
        """Open a file or an address, and wait until all of it is read."""
        address = page.resolve().as_uri() if isinstance(page, Path) else page
        self.errors.clear()
        self.requests.clear()
        self._load("Page.navigate", url="about:blank")  # the same file with another # would not be read again
        self._load("Page.navigate", url=address)

    def reload(self):
        """Read the page again, and wait until all of it is read."""
        self._load("Page.reload")

    def run(self, script):
        """A script's value; a promise is waited for."""
        done = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in done, (script, done["exceptionDetails"])
        return done["result"].get("value")

    def wait(self, script):
        """Wait until a script's value is true."""
        until = time.monotonic() + PATIENCE
        while not self.run(f"Boolean({script})"):
            assert time.monotonic() < until, f"not true: {script}"
            time.sleep(0.02)

    def press(self, key, text=None, control=False):
        """Press a key, such as ``j`` or ``Enter``, alone or with Ctrl."""
        text = text or {"Enter": "\r", "Tab": ""}.get(key, key if len(key) == 1 else "")
        if control:
            text = ""
        codes = {"Enter": 13, "Tab": 9, "Escape": 27}
        common = {"key": key, "windowsVirtualKeyCode": codes.get(key, 0), "modifiers": 2 * control}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text):
        """Type a text where the focus is."""
        self.call("Input.insertText", text=text)

    def tab(self, address):
        """Open an address in another tab and go there: the tab that was left, for ``turn``."""
        before = self._target, self._session
        self._session = None
        self._target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._attach()
        self.open(address)
        return before

    def turn(self, tab):
        """Close this tab and go back to another one."""
        gone, (self._target, self._session) = self._target, tab
        self.call("Target.closeTarget", targetId=gone)
        self.call("Page.bringToFront")

    def click(self, x, y):
        """Click at a place of the window."""
        self.point(x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def point(self, x, y):
        """Move the pointer to a place of the window."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def middle(self, selector):
        """The middle of an element, scrolled into sight."""
        find = f"const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}});"
        place = "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2];"
        return self.run(f"(() => {{ {find} {place} }})()")

    def look(self, width=1280, height=900, dark=False):
        """Take a window of this size, light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)

    def picture(self, path, whole=False):
        """Write what is to be seen as a PNG."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def _attach(self):
        self._session = self.call("Target.attachToTarget", targetId=self._target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def _load(self, method, **parameters):
        before = self._loads
        self.call(method, **parameters)
        while self._loads == before:
            self._receive()

    def _send(self, method, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        content = json.dumps(message).encode() + b"\0"
        while content:
            content = content[os.write(self._write, content) :]
        return self._number

    def _receive(self):
        while b"\0" not in self._left:
            ready, _, _ = select.select([self._read], [], [], PATIENCE)
            assert ready, "the browser does not answer"
            more = os.read(self._read, 1 << 20)
            assert more, "the browser has ended"
            self._left += more
        content, _, self._left = self._left.partition(b"\0")
        message = json.loads(content)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, method, said):
        self._loads += method == "Page.loadEventFired"
        if method == "Runtime.exceptionThrown":
            self.errors.append(str(said["exceptionDetails"]))
        if method == "Log.entryAdded" and said["entry"]["level"] == "error":
            self.errors.append(said["entry"]["text"])
        if method == "Runtime.consoleAPICalled" and said["type"] in ("error", "assert"):
            self.errors.append(str(said["args"]))
        if method == "Network.requestWillBeSent" and not said["request"]["url"].startswith("data:"):
            self.requests.append(said["request"]["url"])


def _high(pipe):
    """The ends of a pipe under numbers that are not those which the browser expects."""
    ends = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in pipe)
    for end in pipe:
        os.close(end)
    return ends
