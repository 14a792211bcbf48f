"""What do applications ask of Watson by REST: the types and devices of their org, last events?

Source: wiotp-sdk 1.0.1, what its `wiotp.sdk.api` asks and what its own tests expect; the docs of
the calls are gone. Not here: bundles and requests of management, connections, usage, state.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from tools.twin.clouds.http_request import BODY_LIMIT, Reply, Request, decoded, host_name
from tools.twin.clouds.shared import Shared
from tools.twin.clouds.text import decode
from tools.twin.clouds.values import Ending
from tools.twin.clouds.watson.management import Management, bad_code, bad_location, bad_log
from tools.twin.clouds.watson.registry import INFO, Registry, time_text
from tools.twin.clouds.watson.rest_call import (
    INVALID,
    INVALID_LOCATION,
    Answer,
    Call,
    CallRefusedError,
    each_of,
    hold,
    id_of,
    object_of,
    page,
)
from tools.twin.registry.store import Device

_TOO_LARGE = 413
_API = "/api/v0002/"
_TYPE = "device/types/([^/]+)"
_DEVICE = _TYPE + "/devices/([^/]+)"
_MESSAGING = re.compile("/types/+[^/]+/+devices/+[^/]+/+(events|commands)/")


def asked(request: Request) -> bool:
    """Whether a request is for the platform and not for messaging: by its host and its method."""
    messaging = request.method == "POST" and _MESSAGING.search(request.path)
    return ".messaging." not in host_name(request) and not messaging


class Rest:
    """The calls. registry, management: what they are about."""

    def __init__(self, registry: Registry, management: Management, shared: Shared) -> None:
        self._registry = registry
        self._management = management
        self._shared = shared
        self._removed: list[Device] = []  # by the call that is answered
        calls: dict[str, dict[str, Callable[[Call], Answer]]] = {
            "device/types": {"GET": self._types, "POST": self._add_type},
            _TYPE: {"GET": self._type, "PUT": self._change_type, "DELETE": self._remove_type},
            _TYPE + "/devices": {"GET": self._devices, "POST": self._add_device},
            _DEVICE: {"GET": self._device, "PUT": self._change, "DELETE": self._remove},
            _DEVICE + "/location": {"GET": self._location, "PUT": self._locate},
            _DEVICE + "/mgmt": {"GET": self._managed},
            _DEVICE + "/events": {"GET": self._last_events},
            _DEVICE + "/events/([^/]+)": {"GET": self._last_event},
            _DEVICE + "/diag/(logs|errorCodes)": {
                "GET": self._diagnostics,
                "POST": self._diagnose,
                "DELETE": self._clear,
            },
            _DEVICE + "/diag/logs/([^/]+)": {"GET": self._log, "DELETE": self._remove_log},
            "bulk/devices": {"GET": self._devices},
            "bulk/devices/add": {"POST": self._add_devices},
            "bulk/devices/remove": {"POST": self._remove_devices},
            "service-status": {"GET": self._status},
        }
        self._calls = {re.compile(path + "/?"): methods for path, methods in calls.items()}

    async def answer(self, org: str, request: Request) -> tuple[Reply, str]:
        """What an application is answered that has proved who it is, and why it is refused."""
        headers = {"Content-Type": "application/json"}
        reason = ""
        try:
            status, body = self._answer(org, request)
        except CallRefusedError as refused:
            status, reason = refused.status, str(refused)
            body = {"message": reason}
            if refused.allow:
                headers["Allow"] = refused.allow
            if refused.code:
                body |= {"exception": {"id": refused.code, "properties": []}}
                body |= {"violations": [{"message": reason}]}
        await self._end_removed()
        content = b"" if body is None else json.dumps(body).encode()
        return Reply(status, content, headers, close=status == _TOO_LARGE), reason

    def _answer(self, org: str, request: Request) -> Answer:
        path = re.sub("/+", "/", request.path)
        for pattern, methods in self._calls.items():
            found = pattern.fullmatch(path.removeprefix(_API)) if path.startswith(_API) else None
            if found is None:
                continue
            if (known := methods.get(request.method)) is None:
                allow = ", ".join(methods)
                reason = f"{request.method}; the methods are {allow}"
                raise CallRefusedError(405, reason, allow=allow)
            if len(request.body) > BODY_LIMIT:
                raise CallRefusedError(_TOO_LARGE, f"the body has more than {BODY_LIMIT} bytes")
            try:
                parts = tuple(map(decoded, found.groups()))
                body = decode(request.body) if request.body else None
            except ValueError as error:
                raise CallRefusedError(400, f"the path or the body is not good: {error}") from None
            query = {name: values[-1] for name, values in parse_qs(request.query or "").items()}
            return known(Call(org, parts, query, body))
        raise CallRefusedError(404, f"no such path: {request.path!r}")

    async def _end_removed(self) -> None:
        """The MQTT connections of devices that are registered no longer."""
        gone = {(device.kind[0], device.label) for device in self._removed}
        self._removed.clear()
        for each in list(self._shared.connections) if gone else ():
            client = each.client if each.cloud_name == "watson" else None
            if client is not None and (client.kind, client.device.label) in gone:
                await each.end("it was removed from the registry", Ending.SERVER)

    def _types(self, call: Call) -> Answer:
        types = self._registry.types(call.org)
        return 200, page(call, [{"id": name, **types[name]} for name in sorted(types)])

    def _found_type(self, org: str, name: str) -> dict[str, Any]:
        facts = self._registry.type(org, name)
        if facts is None:
            raise CallRefusedError(404, f"org {org} has no type {name!r}")
        return facts

    def _type(self, call: Call) -> Answer:
        return 200, {"id": call.parts[0], **self._found_type(call.org, *call.parts)}

    def _add_type(self, call: Call) -> Answer:
        body = object_of(call.body)
        name, kind = id_of(body, "id"), body.get("classId", "Device")
        if kind not in ("Device", "Gateway"):
            raise CallRefusedError(400, "classId is neither Device nor Gateway", INVALID)
        if self._registry.type(call.org, name) is not None:
            raise CallRefusedError(409, f"org {call.org} has a type {name!r} already")
        facts = {"classId": kind, **_type_facts(body)}
        self._registry.put_type(call.org, name, facts)
        return 201, {"id": name, **facts}

    def _change_type(self, call: Call) -> Answer:
        facts = self._found_type(call.org, *call.parts) | _type_facts(object_of(call.body))
        self._registry.put_type(call.org, call.parts[0], facts)
        return 200, {"id": call.parts[0], **facts}

    def _remove_type(self, call: Call) -> Answer:
        self._found_type(call.org, *call.parts)
        if self._registry.devices(call.org, call.parts[0]):
            raise CallRefusedError(409, f"type {call.parts[0]!r} has devices")
        self._registry.put_type(call.org, call.parts[0], None)
        return 204, None

    def _found(self, call: Call) -> Device:
        return self._registered(call.org, *call.parts[:2])

    def _registered(self, org: str, type_id: str, name: str) -> Device:
        device = self._registry.device(org, type_id, name)
        if device is None:
            raise CallRefusedError(404, f"org {org} has no device {name!r} of type {type_id!r}")
        return device

    def _told(self, device: Device) -> dict[str, Any]:
        org, _, type_id = device.product.partition("/")
        client_id = f"{device.kind[0]}:{org}:{type_id}:{device.name}"
        own = {"clientId": client_id, "typeId": type_id, "deviceId": device.name}
        return own | self._registry.facts(device)

    def _devices(self, call: Call) -> Answer:
        found = page(call, self._registry.devices(call.org, *call.parts))
        return 200, {**found, "results": [self._told(device) for device in found["results"]]}

    def _device(self, call: Call) -> Answer:
        return 200, self._told(self._found(call))

    def _add(self, org: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Register one."""
        type_id, name = id_of(body, "typeId"), id_of(body, "deviceId")
        token = body.get("authToken") or ""
        if not isinstance(token, str):
            raise CallRefusedError(400, "authToken is not a text", INVALID)
        kind = self._found_type(org, type_id)["classId"].lower()
        if self._registry.device(org, type_id, name):
            raise CallRefusedError(409, f"there is a device {name!r} of type {type_id!r} already")
        info, location = (object_of(body.get(n) or {}, n) for n in ("deviceInfo", "location"))
        if location:
            hold(bad_location(location), INVALID_LOCATION)
        store = self._registry.store
        device = store.add("watson", kind, f"{org}/{type_id}", name, secret=token)
        self._registry.change(device, info, body.get("metadata"))
        if location:
            self._registry.locate(device, location)
        return self._told(device) | {"authToken": device.secret}

    def _add_device(self, call: Call) -> Answer:
        return 201, self._add(call.org, {**object_of(call.body), "typeId": call.parts[0]})

    def _add_devices(self, call: Call) -> Answer:
        def add(entry: dict[str, Any]) -> dict[str, Any]:
            return {"authToken": self._add(call.org, entry)["authToken"]}

        return each_of(call, 201, add)

    def _remove_devices(self, call: Call) -> Answer:
        def remove(entry: dict[str, Any]) -> dict[str, Any]:
            names = id_of(entry, "typeId"), id_of(entry, "deviceId")
            self._take_out(self._registered(call.org, *names))
            return {}

        return each_of(call, 200, remove)

    def _change(self, call: Call) -> Answer:
        device, body = self._found(call), object_of(call.body)
        info = object_of(body.get("deviceInfo") or {}, "deviceInfo")
        self._registry.change(device, info, body.get("metadata"))
        return 200, self._told(device)

    def _remove(self, call: Call) -> Answer:
        self._take_out(self._found(call))
        return 204, None

    def _take_out(self, device: Device) -> None:
        self._registry.remove(device)
        self._removed.append(device)

    def _location(self, call: Call) -> Answer:
        if (found := self._registry.location(self._found(call))) is None:
            raise CallRefusedError(404, "nobody has said where it is")
        return 200, found

    def _locate(self, call: Call) -> Answer:
        device, body = self._found(call), object_of(call.body)
        hold(bad_location(body), INVALID_LOCATION)
        self._registry.locate(device, body)
        return self._location(call)

    def _managed(self, call: Call) -> Answer:
        if (said := self._management.managed(self._found(call))) is None:
            raise CallRefusedError(404, "the device is not managed")
        until = {"dormantDateTime": time_text(said["until"])} if said["until"] else {}
        return 200, {"dormant": False, "supports": said["supports"], **until}

    def _last_events(self, call: Call) -> Answer:
        return 200, self._registry.last_events(self._found(call))

    def _last_event(self, call: Call) -> Answer:
        for each in self._registry.last_events(self._found(call)):
            if each["eventId"] == call.parts[2]:
                return 200, each
        raise CallRefusedError(404, f"there was no event {call.parts[2]!r}")

    def _diagnostics(self, call: Call) -> Answer:
        return 200, self._registry.diagnostics(self._found(call), call.parts[2])

    def _diagnose(self, call: Call) -> Answer:
        device, what, body = self._found(call), call.parts[2], object_of(call.body)
        hold(bad_log(body) if what == "logs" else bad_code(body))
        self._registry.diagnose(device, what, body)
        return 201, None

    def _clear(self, call: Call) -> Answer:
        self._registry.put_diagnostics(self._found(call), call.parts[2], [])
        return 204, None

    def _log(self, call: Call) -> Answer:
        for each in self._registry.diagnostics(self._found(call), "logs"):
            if each["id"] == call.parts[2]:
                return 200, each
        raise CallRefusedError(404, f"there is no entry {call.parts[2]!r}")

    def _remove_log(self, call: Call) -> Answer:
        _, gone = self._log(call)
        device = self._found(call)
        entries = [each for each in self._registry.diagnostics(device, "logs") if each != gone]
        self._registry.put_diagnostics(device, "logs", entries)
        return 204, None

    def _status(self, _call: Call) -> Answer:
        messaging = "green" if self._shared.platform.up else "red"
        return 200, {"us": {"dashboard": "green", "messaging": messaging, "thirdParty": "green"}}


def _type_facts(body: Mapping[str, Any]) -> dict[str, Any]:
    """What of a type is taken; what is None stays as it was."""
    given = {name: body.get(name) for name in ("description", "metadata", "deviceInfo")}
    if given["deviceInfo"] is not None:
        info = object_of(given["deviceInfo"], "deviceInfo")
        given["deviceInfo"] = {name: info[name] for name in INFO if name in info}
    return {name: value for name, value in given.items() if value is not None}
