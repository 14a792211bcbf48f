"""How does a CoapClient watch a resource (RFC 7641)?

    observer = Observer(client, options, clock.Deadline(100_000))
    use(observer.message)                               the state now
    while observer.active:
        message = observer.take(client.poll(1000))      a fresh notification, or None
    observer.deregister(clock.Deadline(100_000))

or `forget()`: the next notification is rejected with RST, which ends it too. A notification may be
the first of several blocks: client/coap_blocks.py, `rest`.
"""

from signet.wire import coap
from signet.wire.observe import DEREGISTER, REGISTER, Observation


class Observer:
    """An observation of one resource; several may share a client.

    Args:
        client: client.coap.CoapClient.
        options: sequence of (number, value bytes) that name the resource, without Observe.
        deadline: clock.Deadline of the registration.
    Attributes:
        message: Message, the freshest state of the resource, or why there is none.
    Raises:
        what CoapClient.ask raises.
    """

    def __init__(self, client, options, deadline):
        self._client = client
        self._options = tuple(options)
        self._token = None
        self._observation = Observation()
        self.refresh(deadline)

    @property
    def active(self):
        """bool, True while notifications are to be expected."""
        return self._observation.active

    def due_ms(self):
        """Returns in how many ms the state is too old to use, then `refresh` (3.3.1)."""
        return max(0, self._observation.until_ms - self._client.now_ms())

    def refresh(self, deadline):
        """Registers, or registers again with the same token (3.1, 3.3.1). Raises as `ask`."""
        client = self._client
        self._ask(REGISTER, deadline)
        if self.active and self._token not in client.exchange.observed:
            client.exchange.observed.append(self._token)

    def _ask(self, register, deadline):
        message = self._client.ask(
            coap.GET, self._options + (register,), b"", deadline, token=self._token
        )
        self._token = message.token
        self._observation.active = False  # the answer to a request is news: the server may be new
        self._taken(message)

    def _taken(self, message):
        if self._observation.take(message, self._client.now_ms()):
            self.message = message
            if not self.active:
                self.forget()
            return message
        return None

    def take(self, event):
        """Takes an event of `CoapClient.poll`; returns a Message that is news, or None."""
        if event is None or event[0] != "notification" or event[1].token != self._token:
            return None
        return self._taken(event[1])

    def forget(self):
        """Wants no more notifications; the next one is rejected, which tells the server (3.6)."""
        self._observation.active = False
        if self._token in self._client.exchange.observed:
            self._client.exchange.observed.remove(self._token)

    def deregister(self, deadline):
        """Tells the server at once that no more are wanted (3.6). Raises as `ask`."""
        self.forget()
        self._ask(DEREGISTER, deadline)
        self.forget()
