"""How does a browser, and nobody else, get at the page?

On loopback, below a token that nobody can guess, for a Host that is this machine's (a name that
was led here, DNS rebinding, is another one) and an Origin that is the page's own. Fetch standard,
sections 3.2 and 3.7; Content Security Policy level 3.
"""

import asyncio
import hmac
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from aiohttp import web

from tools import toolchain
from tools.twin.listen import listen_at
from tools.twin.page.boards import Board
from tools.twin.page.model import Model
from tools.twin.page.stream import Stream
from tools.ui import UserError

STATIC = Path(__file__).with_name("static")

_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
_PLOTS = ("uPlot.iife.min.js", "uPlot.min.css")
_BODY = 1 << 20
_MOST = 500
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none';"
    " form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Backing(Protocol):
    """The twin behind a page; a trace has none."""

    def refresh(self) -> None:
        """Have the model know what the registry has."""

    def facts(self) -> dict[str, Any]:
        """What a page's state has of the twin: "clouds" and "faults"."""

    async def do(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """What a person wants done. raises: UserError."""


class Server:
    """The page of one model. backing: the twin, None of a trace."""

    def __init__(self, model: Model, backing: Backing | None = None) -> None:
        self._model = model
        self._backing = backing
        self._token = secrets.token_urlsafe(24)
        self._streams: set[Stream] = set()
        self._files = {
            file.name: file for file in sorted(STATIC.glob("*")) if file.suffix in _TYPES
        }
        self._runner: web.AppRunner | None = None
        self._hosts: tuple[str, ...] = ()
        self.address = ""

    async def start(self, port: int = 0) -> Self:
        """Serve on a port of loopback, 0 for a free one; `address` is the page's then.

        raises: UserError when the port is taken.
        """
        listener = listen_at("127.0.0.1", port, "the page")
        app = web.Application(client_max_size=_BODY, middlewares=[self._guard])
        app.router.add_get("/{token}/{file:[^/]*}", self._static)
        for name, handler in (
            ("state", self._state),
            ("messages", self._messages),
            ("topics", self._topics),
            ("values", self._values),
            ("axis", self._axis),
            ("events", self._events),
        ):
            app.router.add_get("/{token}/api/" + name, handler)
        app.router.add_get(r"/{token}/api/messages/{number:\d{1,18}}", self._one)
        app.router.add_post("/{token}/api/do", self._do)
        app.on_response_prepare.append(_prepare)
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=1.0
        )
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()
        port = self._runner.addresses[0][1]
        self._hosts = (f"127.0.0.1:{port}", f"localhost:{port}")
        self.address = f"http://127.0.0.1:{port}/{self._token}/"
        return self

    async def stop(self) -> None:
        """Tell the pages that it ends, and end."""
        for stream in self._streams:
            stream.end()
        await asyncio.sleep(0)
        if self._runner is not None:
            await self._runner.cleanup()

    def hear(self, record: dict[str, Any]) -> None:
        """Take one record of the journal, and tell the pages."""
        changes = self._model.feed(record)
        for stream in self._streams:
            stream.put(changes)

    def changed(self, board: Board) -> None:
        """Tell the pages of a board of which something is otherwise now."""
        for stream in self._streams:
            stream.put([("board", {"id": board.id})])

    @web.middleware
    async def _guard(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        own = [f"http://{host}" for host in self._hosts]
        if request.headers.get("Host") not in self._hosts or origin not in (None, *own):
            raise web.HTTPForbidden(text="this page is for a browser on this machine\n")
        given = request.match_info.get("token", "")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise web.HTTPNotFound(text="no such page; `signet twin page` opens it\n")
        if request.method == "POST":
            if origin is None:
                raise web.HTTPForbidden(text="a POST has the page's Origin\n")
            if request.content_type != "application/json":
                raise web.HTTPUnsupportedMediaType(text="a POST is application/json\n")
        return await handler(request)

    # What a page asks.

    async def _static(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["file"] or "index.html"
        file = self._files.get(name)
        if name in _PLOTS:
            try:
                file = toolchain.uplot() / name
            except UserError as error:
                raise web.HTTPNotFound(text=f"{error}\n") from None
        if file is None:
            raise web.HTTPNotFound(text=f"no {name} here\n")
        return web.Response(
            body=file.read_bytes(), content_type=_TYPES[file.suffix], charset="utf-8"
        )

    async def _state(self, _: web.Request) -> web.Response:
        model = self._model
        if self._backing is not None:
            self._backing.refresh()
        facts = self._backing.facts() if self._backing else {"clouds": {}, "faults": {}}
        now_ms = self._now_ms()
        boards = [board.told(now_ms) for board in model.boards.by_id.values()]
        return web.json_response(
            {
                "live": model.live,
                "title": model.title,
                **facts,
                "boards": boards,
                **self._so_far(),
            }
        )

    async def _messages(self, request: web.Request) -> web.Response:
        query = request.query
        before = query.get("before")
        found, more = await self._model.messages.select(
            self._board(request),
            after=_number(query.get("after", "0")),
            before=_number(before) if before else None,
            limit=min(_MOST, _number(query.get("limit", str(_MOST)))),
            **{name: query.get(name, "") for name in ("cloud", "topic", "text")},
        )
        return web.json_response({"messages": found, "more": more})

    async def _one(self, request: web.Request) -> web.Response:
        found = self._model.messages.whole(int(request.match_info["number"]))
        if found is None:
            raise _gone("this message is no longer kept")
        return web.json_response(found)

    async def _topics(self, request: web.Request) -> web.Response:
        cloud = request.query.get("cloud", "")
        topics = self._model.messages.topics(self._board(request), cloud)
        return web.json_response({"topics": topics})

    async def _values(self, request: web.Request) -> web.Response:
        board, so_far = self._board(request), self._so_far()
        series = await self._model.messages.values(board) if board else []
        return web.json_response({"series": series, **so_far})

    async def _axis(self, request: web.Request) -> web.Response:
        board = self._board(request)
        lines = self._model.axis(board) if board else []
        return web.json_response({"lines": lines, **self._so_far()})

    def _so_far(self) -> dict[str, int]:
        """By which a page knows what it hears for the second time."""
        return {"last_id": self._model.messages.last_id, "now_ms": self._now_ms()}

    def _board(self, request: web.Request) -> Board | None:
        """The board that is asked for; None for all."""
        wanted = request.query.get("board", "")
        board = self._model.boards.by_id.get(wanted)
        if wanted and board is None:
            raise _gone(f"no board {wanted!r} is known")
        return board

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        stream = Stream(self._board_told, self._message_told)
        self._streams.add(stream)
        try:
            await stream.run(response.write)
        except ConnectionError:
            pass  # the page was closed
        finally:
            self._streams.discard(stream)
        return response

    async def _do(self, request: web.Request) -> web.Response:
        if self._backing is None:
            return web.json_response({"error": "this is a trace: nothing can be done"}, status=400)
        try:
            order = json.loads(await request.read())
            if not isinstance(order, dict):
                raise UserError("it is not an object")
            return web.json_response(await self._backing.do(order))
        except (UserError, ValueError, TypeError, OverflowError, RecursionError) as error:
            return web.json_response({"error": str(error)}, status=400)
        except KeyError as error:
            return web.json_response({"error": f"there is no {error}"}, status=400)

    def _board_told(self, board: str) -> dict[str, Any] | None:
        found = self._model.boards.by_id.get(board)
        return found.told(self._now_ms()) if found else None

    def _message_told(self, number: int) -> dict[str, Any] | None:
        found = self._model.messages.get(number)
        return found.told if found else None

    def _now_ms(self) -> int:
        return time.time_ns() // 1_000_000 if self._model.live else self._model.last_ms


async def _prepare(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _gone(text: str) -> web.HTTPNotFound:
    return web.HTTPNotFound(text=json.dumps({"error": text}), content_type="application/json")


def _number(text: str) -> int:
    if not (text.isdecimal() and len(text) <= 18):
        raise web.HTTPBadRequest(text=f"{text!r} is no number\n")
    return int(text)
