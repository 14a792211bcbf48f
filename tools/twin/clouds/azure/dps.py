"""How does Azure's Device Provisioning Service treat a device that asks which hub is its own?

Sources: "Communicate with DPS using the MQTT protocol"; the REST reference "Register Device" for
bodies; "Symmetric key attestation" and "X.509 certificate attestation".
"""

import datetime
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from tools.twin.clouds.azure import token, topics
from tools.twin.clouds.azure.certificate import mismatch
from tools.twin.clouds.azure.registry import Enrollment, Registry
from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.text import decode, encode
from tools.twin.clouds.values import Client, RefusedError, Verdict, Way
from tools.twin.registry.store import Device
from tools.twin.wire.packets import Connect, Publish

HOST = "global.azure-devices-provisioning.net"
RETRY_AFTER_S = 1

_SCOPE = "0ne00SIGNET"

_USER = re.compile(
    r"([^/]+)/registrations/([^/]+)/\??api-version=\d{4}-\d\d-\d\d(?:&[^=&/]+=[^&/]*)*"
)
# `errorCode` of an answer.
_BAD_BODY, _UNKNOWN_OPERATION, _TOO_EARLY = 400004, 404201, 429001
_POLICIES = ("registration", "")  # the document's; Microsoft's Python SDK leaves it out
_POLLS = 2  # the first is answered 202 again


def is_registration(user: str | None) -> bool:
    """Whether a user name is meant for DPS, not for a hub."""
    return "/registrations/" in (user or "")


@dataclass(slots=True)
class _Operation:
    """One registration under way. key: of the device, "" with a certificate."""

    enrollment: Enrollment
    registration_id: str
    key: str = field(repr=False)
    due_s: float
    polls: int = 0


class Provisioning:
    """The enrollments of every ID scope, and the registrations under way.

    cloud: whose registered CAs count. registry: where the enrollments are.
    """

    def __init__(self, cloud: Cloud, registry: Registry) -> None:
        self._cloud = cloud
        self._registry = registry
        self._operations: dict[str, _Operation] = {}

    def facts(self, hub: str) -> dict[str, Any]:
        """What may register from the start, as the ready file has it."""
        own = self._registry.enrolled(_SCOPE, "board-2", hub)
        group = self._registry.enrolled(_SCOPE, "boards", hub, grouped=True)
        common = {"host": HOST, "id_scope": _SCOPE}
        return {
            "enrollment": {**common, "registration_id": own.name, "device_key": own.key},
            "group": {**common, "group_key": group.key},
        }

    def login(self, connect: Connect, way: Way) -> Client:
        """Check user name, client id, and token or certificate. raises: RefusedError."""
        found = _USER.fullmatch(connect.user or "")
        if found is None:
            form = "{idScope}/registrations/{registration id}/api-version=2019-03-31"
            raise self._cloud.refused("form", f"user name is not `{form}`")
        scope, registration_id = found[1], found[2]
        if connect.client_id != registration_id:
            reason = f"client id is {connect.client_id!r}, the user name has {registration_id!r}"
            raise self._cloud.refused("form", reason)
        if (way.server_name or HOST).endswith(".azure-devices.net"):
            reason = f"server name (SNI) is {way.server_name!r}, a hub's; DPS is {HOST}"
            raise self._cloud.refused("form", reason)
        enrollment, key, good_for_s = self._prove(connect, way, scope, registration_id)
        device = Device(self._cloud.name, "registration", scope, registration_id, key)
        session = f"{self._cloud.name}:dps:{scope}:{registration_id}"
        names = {"enrollment": enrollment.name}
        return Client(
            device, session, "registration", names, closes=True, clean=True, good_for_s=good_for_s
        )

    def _prove(
        self, connect: Connect, way: Way, scope: str, registration_id: str
    ) -> tuple[Enrollment, str, float | None]:
        """The enrollment that lets the device in, its key, and until when. raises: RefusedError.

        An individual enrollment goes before a group; of groups any will do.
        """
        if not self._registry.has_scope(scope):
            raise self._cloud.refused("unknown", f"there is no ID scope {scope!r}")
        own = self._registry.enrollment(scope, registration_id)
        candidates = [own] if own and not own.grouped else self._registry.groups(scope)
        refusal = self._cloud.refused(
            "unknown", f"no enrollment {registration_id!r}, nor a group, in {scope!r}"
        )
        for enrollment in candidates:
            try:
                key, good_for_s = self._check(connect, way, enrollment, registration_id)
            except RefusedError as error:
                refusal = error
                continue
            return enrollment, key, good_for_s
        raise refusal

    def _check(
        self, connect: Connect, way: Way, enrollment: Enrollment, registration_id: str
    ) -> tuple[str, float | None]:
        if enrollment.thumbprint:
            reason = (
                "a password, but the enrollment is of a certificate" if connect.password else ""
            )
            reason = reason or mismatch(
                self._cloud.certificates,
                way,
                enrollment.scope,
                registration_id,
                enrollment.thumbprint,
            )
            if reason:
                raise self._cloud.refused("certificate", reason)
            return "", None
        if not connect.password:
            reason = f"no password: {registration_id!r} logs in with a token, made of its key"
            raise self._cloud.refused("password", reason)
        key = enrollment.key
        if enrollment.grouped:
            key = token.derived(key, registration_id)
        resource = f"{enrollment.scope}/registrations/{registration_id}"
        try:
            until_s = token.check(connect.password, resource, key, _POLICIES)
        except token.TokenError as error:
            raise self._cloud.refused(error.kind, str(error)) from None
        return key, until_s - time.time()

    def judge(self, client: Client, publish: Publish) -> Verdict:
        """Begin a registration, or say how far it is."""
        if rid := topics.request_id(publish.topic, topics.REGISTER):
            return self._register(client, rid, publish.payload)
        fields = topics.query(publish.topic, topics.STATUS)
        assert fields is not None  # the topic is allowed
        operation = self._operations.get(fields["operationId"])
        if operation is None or operation.registration_id != client.device.name:
            return _failed(fields["$rid"], 404, _UNKNOWN_OPERATION, "there is no such operation")
        return self._status(fields["$rid"], fields["operationId"], operation)

    def _register(self, client: Client, rid: str, payload: bytes) -> Verdict:
        registration_id, scope = client.device.name, client.device.product
        try:
            request = decode(payload)
        except ValueError:
            return _failed(rid, 400, _BAD_BODY, "the body is not JSON")
        given = request.get("registrationId") if isinstance(request, dict) else None
        if given != registration_id:
            return _failed(rid, 400, _BAD_BODY, f"registrationId is not {registration_id!r}")
        enrollment = self._registry.enrollment(scope, client.names["enrollment"])
        assert enrollment is not None  # it has logged in by it, and none is ever removed
        operation_id = f"5.{secrets.token_hex(8)}.{secrets.token_hex(8)}"
        due_s = time.monotonic() + RETRY_AFTER_S
        operation = _Operation(enrollment, registration_id, client.device.secret, due_s)
        self._operations[operation_id] = operation
        return _assigning(rid, operation_id)

    def _status(self, rid: str, operation_id: str, operation: _Operation) -> Verdict:
        if time.monotonic() < operation.due_s:
            return _failed(rid, 429, _TOO_EARLY, "asked before retry-after has passed")
        operation.polls += 1
        if operation.polls < _POLLS:
            operation.due_s = time.monotonic() + RETRY_AFTER_S
            return _assigning(rid, operation_id)
        device = self._registry.assign(
            operation.enrollment, operation.registration_id, operation.key
        )
        state = {
            "registrationId": operation.registration_id,
            "createdDateTimeUtc": _now(),
            "assignedHub": self._cloud.identity(device)["hub"],
            "deviceId": device.name,
            "status": "assigned",
            "substatus": "initialAssignment",
            "lastUpdatedDateTimeUtc": _now(),
        }
        body = {"operationId": operation_id, "status": "assigned", "registrationState": state}
        return _answer(rid, 200, body)


def _answer(rid: str, status: int, body: dict[str, Any], more: str = "") -> Verdict:
    topic = f"{topics.REGISTRATION_ANSWER}{status}/?$rid={topics.quoted(rid)}{more}"
    return Verdict("answered", reply=Publish(topic, encode(body)))


def _assigning(rid: str, operation_id: str) -> Verdict:
    body = {"operationId": operation_id, "status": "assigning"}
    return _answer(rid, 202, body, f"&retry-after={RETRY_AFTER_S}")


def _failed(rid: str, status: int, code: int, message: str) -> Verdict:
    body = {"errorCode": code, "trackingId": secrets.token_hex(8), "message": message}
    more = f"&retry-after={RETRY_AFTER_S}" if status == 429 else ""
    verdict = _answer(rid, status, body, more)
    return Verdict("rejected", f"status {status}: {message}", verdict.reply)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")
