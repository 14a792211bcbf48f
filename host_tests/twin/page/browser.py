"""How do tests look at the twin's page? In a real Chromium, driven by playwright.

A page that logs an error, fails for a reason of its own or asks another host than the twin fails
its test.
"""

import contextlib
import os
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Error, Page, Playwright, expect, sync_playwright

from tools import toolchain
from tools.ui import UserError

TIMEOUT_MS = 60_000
STRANGER = "evil.example"

_OPTIONS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    f"--host-resolver-rules=MAP {STRANGER} 127.0.0.1",
]


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; where this machine cannot have one the test is skipped."""
    try:
        program = toolchain.chromium()
    except UserError as error:
        pytest.skip(str(error))
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as driver:
        browser = _launched(driver, program)
        yield browser
        browser.close()


def _launched(driver: Playwright, program: Path) -> Browser:
    """Without its sandbox where the system has none for it: as root, or in many containers."""

    def launch(*more: str) -> Browser:
        return driver.chromium.launch(
            executable_path=program, args=[*_OPTIONS, *more], timeout=TIMEOUT_MS
        )

    if os.geteuid() == 0:
        return launch("--no-sandbox")
    try:
        return launch()
    except Error:
        return launch("--no-sandbox")


class Watched:
    """A page of the twin in a window of its own.

    address: the twin's page. connection: what it says of that. trouble: what went wrong in it,
    which its test must not have.
    """

    def __init__(
        self,
        browser: Browser,
        address: str,
        width: int = 1200,
        height: int = 800,
        connection: str = "live",
        **more: Any,
    ) -> None:
        viewport = {"width": width, "height": height}
        self.address = address
        self._connection = connection
        self.trouble: list[str] = []
        self.expected: list[str] = []  # words in what is no trouble in this test
        self._context = browser.new_context(viewport=viewport, **more)
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(TIMEOUT_MS)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.trouble.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self.trouble.append(f"dialog: {dialog.message}"))
        self.page.on("request", self._request)

    def _console(self, message: Any) -> None:
        # A form that is not taken is an answer 400, which the browser notes.
        if message.type == "error" and "status of 400" not in message.text:
            self.trouble.append(f"console: {message.text}")

    def _request(self, request: Any) -> None:
        if not request.url.startswith(self.address):
            self.trouble.append(f"asked for {request.url}")

    def show(self, view: str, **query: str) -> Page:
        """Open a view, as its link does; returns the page."""
        fragment = f"#{view}" + (f"?{urlencode(query)}" if query else "")
        if self.page.url.startswith(self.address):
            self.page.evaluate("to => { location.hash = to }", fragment)
        else:
            self.page.goto(self.address + fragment)
        expect(self.page.locator("#connection")).to_have_text(self._connection)
        return self.page

    def end(self) -> None:
        """Close it. raises: AssertionError when there was trouble."""
        self._context.close()
        assert not [
            each for each in self.trouble if not any(word in each for word in self.expected)
        ]


def with_palette(png: bytes) -> bytes:
    """A PNG of 8 bits a channel with 256 colours at most, a third as large."""
    width, height, _, kind = struct.unpack_from(">IIBB", png, 16)
    step = {2: 3, 6: 4}[kind]
    packed, at = b"", 8
    while at < len(png):
        (size,) = struct.unpack_from(">I", png, at)
        if png[at + 4 : at + 8] == b"IDAT":
            packed += png[at + 8 : at + 8 + size]
        at += size + 12
    data, row = zlib.decompress(packed), bytearray(width * step)
    rows = []
    for begin in range(0, len(data), width * step + 1):
        how, above, row = data[begin], row, bytearray(data[begin + 1 : begin + 1 + width * step])
        for i in range(len(row)):
            a, b, c = (row[i - step], above[i], above[i - step]) if i >= step else (0, above[i], 0)
            nearest = min((a, b, c), key=lambda each: abs(a + b - c - each))
            row[i] = (row[i] + (0, a, b, (a + b) // 2, nearest)[how]) & 0xFF
        rows.append([tuple(row[i : i + 3]) for i in range(0, len(row), step)])
    bits = 2
    while len({tuple(c >> bits for c in pixel) for line in rows for pixel in set(line)}) > 256:
        bits += 1
    shown: dict[tuple[int, ...], tuple[int, ...]] = {}
    for pixel, _ in Counter(pixel for line in rows for pixel in line).most_common():
        shown.setdefault(tuple(c >> bits for c in pixel), pixel)
    places = {key: place for place, key in enumerate(shown)}
    lines = (
        bytes([0, *(places[tuple(c >> bits for c in pixel)] for pixel in row)]) for row in rows
    )
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0),
        b"PLTE": b"".join(map(bytes, shown.values())),
        b"IDAT": zlib.compress(b"".join(lines), 9),
        b"IEND": b"",
    }
    return png[:8] + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts.items()
    )


def origin(address: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


TOO_PALE = """
() => {
  const light = (rgb) => {
    const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parts(getComputedStyle(each).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const pale = [];
  for (const element of document.body.querySelectorAll("*")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(parts(style.color).slice(0, 3)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) pale.push(`${ratio.toFixed(1)} ${element.textContent.slice(0, 40)}`);
  }
  return pale;
}
"""
"""Texts whose contrast with their ground is below 4.5 (WCAG 2.2, 1.4.3), and the contrast."""

TRY = """
async (address) => {
  const got = {};
  const note = async (name, work) => {
    got[name] = await work().catch((error) => `failed: ${error.name}`);
  };
  await note("fetch", async () => (await fetch(`${address}api/state`)).text());
  const opaque = { mode: "no-cors" };
  await note("opaque", async () => (await fetch(`${address}api/state`, opaque)).text());
  const order = { method: "POST", body: JSON.stringify({ do: "drop_all" }) };
  const headers = { "Content-Type": "application/json" };
  const post = async (more) => (await fetch(`${address}api/do`, { ...order, ...more })).text();
  await note("post", () => post({ headers }));
  await note("plain post", () => post(opaque));
  await note("events", () => new Promise((done) => {
    const source = new EventSource(`${address}api/events`);
    source.onopen = () => done("opened");
    source.onerror = () => { source.close(); done("failed: error"); };
  }));
  await note("script", () => new Promise((done) => {
    const script = document.createElement("script");
    script.onload = () => done("loaded");
    script.onerror = () => done("failed: error");
    script.src = `${address}page.js`;
    document.head.append(script);
  }));
  const frame = document.createElement("iframe");
  frame.src = address;
  await note("frame", () => new Promise((done) => {
    frame.onload = () => {
      try { done(frame.contentDocument.title); } catch { done("failed: sealed"); }
    };
    document.body.append(frame);
  }));
  return got;
}
"""
"""What another page may try, even one that has learnt the token: what it got, by name."""
