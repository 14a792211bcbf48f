"""How does another process speak to a running twin?

Over a Unix socket that only its owner can reach: one JSON object a line in, one out.

- {"do": "command", "cloud", "name", "data", "device"?, "timeout_s"?}: see `Hub.command`.
- {"do": "line", "cloud", "device"?, "text"}: {"done": true}; a line that the board has printed,
  for the page and for a trace; an empty one only asks whether there is such a device.
- {"do": "messages", "cloud"?, "after"?}: {"messages": [...]} with ids above, oldest first, at
  most 1000; ask again with the last id for more.
- {"do": "last_id"}: {"last_id": n}, the newest message's, 0 without any.
- {"do": "datagrams"}: {"datagrams": {DOOR: {"up": counts, "down": counts}}} of the CoAP doors; see
  `coap.lossy.Proxy`.
- {"do": "http"}: {"http": {CLOUD: {"connections": n, "requests": n, "answered": n}}} of the
  HTTPS services.
- {"do": "online"}: {"online": {CLOUD: [LABEL]}} of who is connected by MQTT.
- {"do": "fault", "fault": NAME}: {"done": true}. NAME is kill_broker, start_broker,
  drop_connections ("cloud"? for one cloud's alone, "device"? for that label's);
  swallow_replies, swallow_pubacks or swallow_coap_replies ("n": how many, default 1);
  restart_dtls; what one cloud alone has, as its `faults` says;
  set_losses (the fields of `coap.lossy.Losses`; those left out are 0);
  answer_http (the fields of `clouds.http_request.Answer`): requests get this answer, nothing is
  stored;
  misbehave_http (the fields of `web.faults.Misbehaviour`; `web.broken` has what each does):
  requests are processed, their replies go out so; lose_http_replies ("n", "cloud"?, "path"?) is
  misbehave_http "silent"; tls ("cloud", and the fields of `tls.contexts.Offer`; those left out
  are as usual): what handshakes at that cloud's doors over TCP are offered;
  misbehave_websocket (the fields of `web.websocket_faults.Misbehaviour`): the next messages by
  WebSocket go out so, or "refuse": the next handshakes are answered with a status.

Errors come back as {"error": text}.
"""

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tools.twin.faults import Fault
from tools.twin.hub.hub import Hub, NotDeliveredError
from tools.twin.registry import mask
from tools.ui import UserError

_LINE_LIMIT = 1 << 20
_REPLY_TIMEOUT_S = 10.0


Counts = Mapping[str, Callable[[], Mapping[str, Any]]]
"""Gives what passed the doors, by what a request asks to "do"."""


async def serve(
    hub: Hub, path: Path, faults: Mapping[str, Fault], counts: Counts
) -> asyncio.Server:
    """Answer requests on the socket `path`, whose folder must be private."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                answer = await _answer(hub, faults, counts, line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError, asyncio.CancelledError):
            pass  # left, or sent more than a line may hold, or the twin stops
        finally:
            writer.close()

    return await asyncio.start_unix_server(accept, path, limit=_LINE_LIMIT)


async def _answer(
    hub: Hub, faults: Mapping[str, Fault], counts: Counts, line: bytes
) -> dict[str, Any]:
    try:
        request = json.loads(line)
        what = request["do"]
        if what == "command":
            return await hub.command(
                request["cloud"],
                request["name"],
                request.get("data") or {},
                request.get("device"),
                float(request.get("timeout_s", _REPLY_TIMEOUT_S)),
            )
        if what == "line":
            device = hub.find(request["cloud"], request.get("device"))
            if text := mask.printed(str(request["text"]), device.secret):
                hub.journal.add("line", cloud=device.cloud, device=device.label, text=text)
            return {"done": True}
        if what == "messages":
            after = int(request.get("after", 0))
            return {"messages": hub.store.messages(request.get("cloud"), after)}
        if what == "last_id":
            return {"last_id": hub.store.before_last(0)}
        if what in counts:
            return {what: counts[what]()}
        if what == "fault":
            await cause(hub, faults, request)
            return {"done": True}
    except (NotDeliveredError, UserError) as error:
        return {"error": str(error)}
    except KeyError as error:
        return {"error": f"no {error} here"}
    except (ValueError, TypeError) as error:
        return {"error": f"bad request: {error}"}
    return {"error": f"unknown request {what!r}"}


async def cause(hub: Hub, faults: Mapping[str, Fault], request: dict[str, Any]) -> None:
    """Have something break, which a trace tells. raises: KeyError for what no fault is called."""
    fault = faults[request["fault"]]
    hub.journal.add("fault", request=request)
    await fault(request)


def answers(path: Path) -> bool:
    """Whether a twin listens there; one that was killed leaves its socket behind."""
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(str(path)) == 0


def ask(path: Path, request: Mapping[str, Any], timeout_s: float = 30.0) -> dict[str, Any]:
    """Send one request to a running twin and return its answer, from any process.

    raises: UserError when no twin answers there, or it answers with an error.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as lines:
                line = lines.readline()
    except OSError as error:
        raise UserError(f"no twin answers on its control socket: {error}") from None
    if not line:
        raise UserError("the twin ended before it answered")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise UserError(f"twin: {answer['error']}")
    return answer
