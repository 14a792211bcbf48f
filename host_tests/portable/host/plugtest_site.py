"""Which resources do the ETSI CoAP test descriptions ask of a server?  They are here, on aiocoap.

Descriptions: cabo/td-coap4, base.yml and block.yml; those with a proxy: fsismondi/ttproto.
"""

import asyncio

import aiocoap
from aiocoap import Message, resource
from aiocoap.blockwise import ContinueException
from aiocoap.numbers import codes
from aiocoap.optiontypes import BlockOption

_TEXT, _XML = 0, 41
_SEPARATE_AFTER_S = 0.5
LARGE = b"".join(b"line %02d of a large resource\n" % line for line in range(12))  # 336 bytes


class Piggybacking(aiocoap.TransportTuning):
    """A server on a busy machine, that still has its response ready for the ACK."""

    EMPTY_ACK_DELAY = 5


class Separating(aiocoap.TransportTuning):
    """A server that acknowledges at once what it will answer later."""

    EMPTY_ACK_DELAY = 0


class _Quick(aiocoap.TransportTuning):
    """A server that does not make a test wait."""

    ACK_TIMEOUT = 0.4
    MAX_RETRANSMIT = 2


class _Hasty(_Quick):
    """Gives up after a second."""

    ACK_TIMEOUT = 0.1


class _Unreliable(_Quick):
    reliability = False


class _Resource(resource.Resource):
    async def render(self, request):
        response = await super().render(request)
        response.transport_tuning = _Quick()
        return response


class _Test(_Resource):
    """/test, and /create2 for those behind a proxy."""

    async def render_get(self, request):
        return Message(payload=b"a test", content_format=_TEXT)

    async def render_put(self, request):
        return Message(code=codes.CHANGED)

    async def render_post(self, request):
        place = ("location1", "location2", "location3")
        return Message(code=codes.CREATED, location_path=place)

    async def render_delete(self, request):
        return Message(code=codes.DELETED)


class _Separate(_Resource):
    async def render_get(self, request):
        await asyncio.sleep(_SEPARATE_AFTER_S)
        return Message(payload=b"at last", content_format=_TEXT)


class _Query(_Resource):
    async def render_get(self, request):
        return Message(payload="&".join(request.opt.uri_query).encode(), content_format=_TEXT)


class _LocationQuery(_Resource):
    async def render_post(self, request):
        return Message(code=codes.CREATED, location_query=("first=1", "second=2"))


class _MultiFormat(_Resource):
    async def render_get(self, request):
        bodies = {_TEXT: b"one of two", _XML: b"<one>of two</one>"}
        accept = request.opt.accept
        if accept not in bodies:
            return Message(code=codes.NOT_ACCEPTABLE)
        return Message(payload=bodies[accept], content_format=accept)


class _Validate(_Resource):
    def __init__(self):
        super().__init__()
        self._body = b"version 1"
        self._version = 1

    @property
    def _etag(self):
        return b"etag%d" % self._version

    def touch(self):
        """Somebody else changes the resource."""
        self._version += 1
        self._body = b"version %d" % self._version

    async def render_get(self, request):
        if self._etag in request.opt.etags:
            return Message(code=codes.VALID, etag=self._etag)
        return Message(payload=self._body, etag=self._etag, content_format=_TEXT, max_age=30)

    async def render_put(self, request):
        if request.opt.if_match and self._etag not in request.opt.if_match:
            return Message(code=codes.PRECONDITION_FAILED)
        self.touch()
        self._body = request.payload
        return Message(code=codes.CHANGED, etag=self._etag)


class _Create(_Resource):
    def __init__(self):
        super().__init__()
        self._exists = False

    async def render_put(self, request):
        if request.opt.if_none_match and self._exists:
            return Message(code=codes.PRECONDITION_FAILED)
        self._exists = True
        return Message(code=codes.CREATED)


class _Large(_Resource):
    """A resource that is transferred in blocks of at most 2**(szx + 4) bytes."""

    def __init__(self, szx):
        super().__init__()
        self._szx = szx
        self.body = LARGE

    async def render_to_pipe(self, pipe):
        request = pipe.request
        wanted = request.opt.block2 or BlockOption.BlockwiseTuple(0, False, 6)
        request.opt.block2 = wanted.reduced_to(self._szx)
        try:
            await super().render_to_pipe(pipe)
        except ContinueException as going_on:
            number, more, szx = going_on.block1
            # the size is what the server asks for from now on, the number is that of this block
            answer = BlockOption.BlockwiseTuple(number, more, min(szx, self._szx))
            raise ContinueException(answer) from None

    async def render_get(self, request):
        return Message(payload=self.body, content_format=_TEXT, etag=b"large")

    async def render_put(self, request):
        self.body = request.payload
        return Message(code=codes.CHANGED)

    async def render_post(self, request):
        """/large-post answers with as much as it was given."""
        return Message(code=codes.CHANGED, payload=request.payload.upper(), content_format=_TEXT)


class _LargeCreate(_Large):
    def __init__(self, szx, site):
        super().__init__(szx)
        self._site = site

    async def render_post(self, request):
        created = _Large(self._szx)
        created.body = request.payload
        self._site.add_resource(("large-create", "1"), created)
        return Message(code=codes.CREATED, location_path=("large-create", "1"))


class _Observed(resource.ObservableResource):
    """/obs, /obs-non with NON notifications, /obs-hasty that gives up soon."""

    def __init__(self, max_age, tuning):
        super().__init__()
        self._max_age = max_age
        self._tuning = tuning
        self._count = 0
        self._body = b"state 0"

    async def add_observation(self, request, serverobservation):
        self._observations.add(serverobservation)
        serverobservation.accept(lambda: self._observations.discard(serverobservation))

    async def render_get(self, request):
        return Message(
            transport_tuning=self._tuning,
            payload=self._body,
            content_format=_TEXT,
            max_age=self._max_age,
        )

    def change(self, body=None):
        """The resource changes."""
        self._count += 1
        self._body = body.encode() if body else b"state %d" % self._count
        self.updated_state()

    def end(self, code):
        """No more notifications after this one."""
        self.updated_state(Message(code=code, transport_tuning=self._tuning))

    def lose(self):
        """As if the server had been switched off and on."""
        self._observations.clear()

    def observers(self):
        """How many are notified."""
        return len(self._observations)


def build(szx, max_age):
    """Makes all resources anew.

    szx: the largest block that the server agrees to, 2**(szx + 4) bytes (RFC 7959 section 2.2).
    max_age: of what can be observed, seconds.
    """
    site = resource.Site()
    for path, each in {
        "test": _Test(),
        "create2": _Test(),
        "separate": _Separate(),
        "seg1/seg2/seg3": _Test(),
        "query": _Query(),
        "location-query": _LocationQuery(),
        "multi-format": _MultiFormat(),
        "validate": _Validate(),
        "create1": _Create(),
        "create3": _Create(),
        "large": _Large(szx),
        "large-update": _Large(szx),
        "large-post": _Large(szx),
        "large-create": _LargeCreate(szx, site),
        "obs": _Observed(max_age, _Quick()),
        "obs-non": _Observed(max_age, _Unreliable()),
        "obs-hasty": _Observed(max_age, _Hasty()),
    }.items():
        site.add_resource(path.split("/"), each)
    return site
