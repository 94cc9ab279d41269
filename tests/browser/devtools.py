"""A headless Chromium, driven over the DevTools protocol through a pipe: nothing but the standard library.

with Browser(path_of_chromium, profile) as browser:
    page = browser.open(report, dark=True)
    page.evaluate("document.title"); page.press("Tab"); page.requests; page.complaints
"""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PATIENCE_S: Final = 60.0
_FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--disable-extensions", "--disable-component-update",
    "--remote-debugging-pipe",
)  # fmt: skip
# Chromium reads commands from descriptor 3 and writes to 4; whichever the pipes have here.
_START: Final = """
import fcntl, os, sys
read, write = (fcntl.fcntl(int(item), fcntl.F_DUPFD, 10) for item in sys.argv[1:3])
os.dup2(read, 3)
os.dup2(write, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find_chromium() -> str | None:
    """Return the path of a Chromium, if there is one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One Chromium process with a profile of its own."""

    def __init__(self, chromium: str, profile: Path) -> None:
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()
        command = [sys.executable, "-c", _START, str(to_read), str(to_write), chromium, *_FLAGS]
        self._process = subprocess.Popen(
            [*command, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._rest = b""
        self._last = 0
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.call("Browser.close")
            self._process.wait(timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def call(self, method: str, params: Mapping[str, Any] | None = None, session: str = "") -> dict[str, Any]:
        """Send a command and return its result; events that come in between are kept."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": params or {}}
        os.write(
            self._write, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0"
        )
        while True:
            found = self.receive()
            if found.get("id") != self._last:
                self.events.append(found)
                continue
            assert "error" not in found, f"{method}: {found['error']}"
            result: dict[str, Any] = found["result"]
            return result

    def receive(self) -> dict[str, Any]:
        """Return the next message."""
        until = time.monotonic() + _PATIENCE_S
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], max(until - time.monotonic(), 0))
            assert ready, "the browser says nothing"
            part = os.read(self._read, 1 << 20)
            if not part:
                raise OSError("the browser has ended")
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def open(
        self, file: Path, *, dark: bool = False, width: int = 1280, media: str = "", scripts: bool = True
    ) -> "Page":
        """Open a file in a page of its own and wait until it is loaded."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(self, session, target)
        for domain in ("Page", "Network", "Runtime", "Log", "Accessibility", "DOM"):
            page.call(f"{domain}.enable")
        page.call(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.call("Emulation.setEmulatedMedia", {"media": media, "features": [scheme]})
        page.call("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        page.call("Page.navigate", {"url": file.resolve().as_uri()})
        page.wait("Page.loadEventFired")
        return page


@dataclass
class Page:
    """One page of a browser."""

    browser: Browser
    session: str
    target: str

    def call(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send a command about this page."""
        return self.browser.call(method, params, self.session)

    def wait(self, event: str) -> None:
        """Wait until an event has come."""
        while not any(item["method"] == event for item in self.events):
            self.browser.events.append(self.browser.receive())

    @property
    def events(self) -> Sequence[dict[str, Any]]:
        """What happened in this page so far."""
        return [item for item in self.browser.events if item.get("sessionId") == self.session]

    def _params(self, event: str) -> list[dict[str, Any]]:
        return [item["params"] for item in self.events if item["method"] == event]

    @property
    def requests(self) -> list[str]:
        """The addresses that were asked for, the page's own first."""
        return [item["request"]["url"] for item in self._params("Network.requestWillBeSent")]

    @property
    def complaints(self) -> list[str]:
        """What the console shows: errors, warnings, exceptions."""
        logged = [item["entry"]["text"] for item in self._params("Log.entryAdded")]
        said = [
            str(item["args"])
            for item in self._params("Runtime.consoleAPICalled")
            if item["type"] in ("error", "warning", "assert")
        ]
        thrown = [item["exceptionDetails"]["text"] for item in self._params("Runtime.exceptionThrown")]
        return logged + said + thrown

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        found = self.call(
            "Runtime.evaluate", {"expression": script, "returnByValue": True, "awaitPromise": True}
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key: str, text: str = "") -> None:
        """Press a key where the focus is."""
        codes = {"Tab": 9, "Enter": 13}
        about = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key], "text": text}
        self.call("Input.dispatchKeyEvent", {"type": "keyDown", **about})
        self.call("Input.dispatchKeyEvent", {"type": "keyUp", **about})

    def spoken(self) -> list[tuple[str, str, str]]:
        """Return role, name and description of everything that a screen reader is told of."""
        return [
            (
                node["role"]["value"],
                str(node.get("name", {}).get("value", "")),
                str(node.get("description", {}).get("value", "")),
            )
            for node in self.call("Accessibility.getFullAXTree")["nodes"]
            if not node["ignored"]
        ]

    def printed(self) -> bytes:
        """Return the page as PDF."""
        return base64.b64decode(self.call("Page.printToPDF", {"printBackground": True})["data"])

    def picture(self, file: Path) -> Path:
        """Write a picture of the whole page."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        data = self.call("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})["data"]
        file.write_bytes(base64.b64decode(data))
        return file

    def close(self) -> None:
        """Close the page."""
        self.browser.call("Target.closeTarget", {"targetId": self.target})
