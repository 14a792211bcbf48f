"""Which facts about lib/signet must the tests hold it to?

Each mutant breaks one of them; the portable test files beside it must notice (`make mutants`).
"""

from typing import NamedTuple

from tools.ui import UserError

# A file and the name of its test file, then each fact, the text that it rests on, and the text
# that breaks it.
_TABLE = {
    ("link.py", "link"): (("a lost session is closed", "self._ask(self._session.close)", "pass"),),
    ("backoff.py", "link"): (
        ("a fleet does not come back at once", "// 2 *", "// 2 * 0 *"),
        ("a good connection lasts two minutes", "(120_000)", "(12_000)"),
        ("after a refusal the wait begins at 320 s", "_FIRST = const(4)", "_FIRST = const(0)"),
        (
            "the cloud may say how long to wait",
            "error, Throttled) and",
            "error, Throttled) and 0 and",
        ),
    ),
    ("network_time.py", "clock"): (
        ("kiss of death is no time", "0 < answer[1]", "0 <= answer[1]"),
        ("an answer is of this request", "or answer[24:32] != request[40:]", ""),
        ("no time is before what was proved", "max(proved_s, _BUILT_S)", "_BUILT_S"),
        ("a clock at the proved day stamps nothing", "doubted = mark == _HELD", "doubted = False"),
    ),
    ("daily.py", "clock"): (
        ("one day proves nothing", "max(proved, min(before,", "max(proved, min(today,"),
        (
            "one answer that lasts to the next day proves nothing",
            "before, before + 1)",
            "before,)",
        ),
    ),
    ("reports/handover.py", "link"): (
        ("what goes alone goes alone", "flight[0], 0) >= _ALONE:  #", "flight[0], 0) >= 99:  #"),
        ("an answer goes before reports", "in sorted(self.beside, reverse=True)", "in ()"),
        ("eight answers may wait", "_ANSWERS = const(8)", "_ANSWERS = const(9)"),
    ),
    ("cloud/enos/batch.py", "dialects"): (
        ("a kilobyte goes together", "_ROOM = const(1024)", "_ROOM = const(2048)"),
    ),
    ("cloud/alibaba/batch.py", "dialects"): (
        ("what is too far ahead goes alone", "report.time_ms > latest_ms", "False"),
    ),
    ("cloud/alibaba/coap_batch.py", "alibaba_coap"): (
        ("the last block is never full", "_BLOCK * _BLOCK - 1", "_BLOCK * _BLOCK + 96"),
    ),
    ("reports/batch.py", "link"): (
        ("what is in flight goes once", "handover.flight, handover.tries", "(), handover.tries"),
    ),
    ("reports/trouble.py", "link"): (
        ("of several that came to nothing each goes alone", "max(handover.single", "min(0"),
        ("one report lets the others pass", "_ALONE = const(3)", "_ALONE = const(300)"),
        ("without a proof it is the network", "if not handover.alive:", "if False:"),
        (
            "missing memory is no miss",
            "isinstance(error, MemoryError):\n        gc",
            "False:\n        gc",
        ),
        ("four tries of an answer that cannot be taken", "_TRIES = const(4)", "_TRIES = const(5)"),
    ),
    ("reports/outbox.py", "outbox"): (
        ("a report waits ten seconds in the heap", "if waited_ms >=", "if waited_ms + 5000 >="),
        ("2 KiB wait in the heap", "_ROOM = const(2048)", "_ROOM = const(4096)"),
        ("one segment stays free for the heap", "more = _BLOCK if", "more = 0 if"),
    ),
    ("reports/flash.py", "outbox"): (
        ("what was read before the note is done", "(key > outbox.read or", "(True or"),
        ("damage is kept aside", "if outbox.low == outbox.damaged:", "if False:"),
        ("a body may hold a line's end", r'.replace(b"\x1b1", b"\n")', ""),
        ("a line counts when its CRC proves it", "and head[:8] ==", "or head[:8] =="),
    ),
    ("reports/keep.py", "outbox"): (
        (
            "what failed waits still",
            "        outbox.waiting = waiting\n        raise",
            "        raise",
        ),
        ("what cannot be noted has not come twice", "outbox.keep()  #", "keep(outbox)  #"),
    ),
    ("reports/keep.py", "link"): (
        (
            "misses outlive a reset",
            "for key, count in misses.items() if key >",
            "for key, count in () if key >",
        ),
    ),
    ("reports/restore.py", "outbox"): (
        ("nothing is written behind what is torn", "if not whole:", "if False:"),
        (
            "a key does not come again",
            "[outbox.next_key - 1, last] + behind",
            "[outbox.next_key - 1]",
        ),
    ),
    ("reports/dead.py", "outbox"): (
        ("eight that were set aside are kept", "_MOST = const(8)", "_MOST = const(9)"),
    ),
    ("device/ready.py", "ready"): (
        (
            "a value that was changed is checked",
            'text != b\'"checked": "%08x"}\\n\' % crc or ',
            "",
        ),
        ("so is a file that it names", "crc = crc32(data, crc)", "pass"),
        ("a linked board is for one device", "found != value and not", "False and not"),
        ("of a modem its family counts", 'found.get("family")', "value"),
    ),
    ("device/files.py", "state"): (
        ("a record counts when its CRC proves it", " if is_record(line) else None", ""),
        (
            "where rename does not replace, two steps do",
            "        os.remove(path)\n        os",
            "        os",
        ),
    ),
    ("device/state.py", "state"): (
        ("numbers are reserved before they are used", ", 0) + count", ", 0) + 1"),
        ("no record follows a half one", "_size = self._limit  #", "_ = self._limit  #"),
    ),
    ("device/state.py", "alibaba_coap_troubles"): (
        ("lost records are told from a torn one", 'line[-1:] == b"\\n"', "False"),
    ),
    ("wire/mqtt.py", "mqtt_client"): (
        ("no broker may send QoS 2 (3.3.1.2)", "flags & _QOS <= _QOS_1", "flags & _QOS <= 6"),
    ),
    ("wire/coap.py", "coap_codec"): (
        ("classes 1, 6 and 7 are reserved (4.2)", "0b1100_0010", "0b1000_0010"),
    ),
    ("wire/exchange.py", "exchange"): (
        ("each wait is twice the one before (4.2)", "self._wait_ms *= 2", "pass"),
        (
            "an answer has the token (5.3.2)",
            "_REQUEST and message.token == self.token",
            "_REQUEST",
        ),
        ("EXCHANGE_LIFETIME is 247 s (4.8.2)", "(247_000)", "(24_700)"),
        ("a restarted server's ids begin anew", "[2 : 4 + len(message.token)]", "[2:4]"),
        ("no critical option comes twice (5.4.5)", "number == before or ", ""),
    ),
    ("wire/block.py", "block"): (
        ("a body that changes is fetched anew (2.4)", "elif etag != self._etag", "elif False"),
    ),
    ("wire/observe.py", "observe"): (
        ("after 128 s any notification is fresh (3.4)", "(128_000)", "(256_000)"),
    ),
    ("wire/cbor.py", "cbor"): (
        ("keys are sorted by their bytes (4.2.1)", "pairs = sorted(", "pairs = list("),
    ),
    ("wire/exact_json.py", "text"): (
        ("C1 commands a terminal, too", "|\\xc2[\\x80-\\x9f]", ""),
        ("a line separator ends a line of the log", "[\\xa8-\\xae]", "[\\xaa-\\xae]"),
        ("what is longer than it must be is no UTF-8", "[\\xc0\\xc1].|", ""),
    ),
    ("wire/surrogates.py", "text"): (
        ("a pair is one character", "if len(pair) < 6:", "if True:"),
        ("a backslash may stand before a backslash", '"\\\\", at) + 2', '"\\\\u", at) + 2'),
        ("plain text has no escapes", "while json:", "while True:"),
        ("what is no UTF-8 is half of no pair", "\\xed[\\xb0-\\xbf].|", "...|"),
    ),
    ("wire/exact_json.py", "exact_json"): (
        ("what a string closes is not closed", "elif byte == 34:", "elif False:"),
        ("a true is no number", "type(value) in kinds", "isinstance(value, kinds)"),
    ),
    ("wire/http.py", "http_codec"): (
        ("lengths that differ are refused (6.3)", "(self.length or part) != part or", ""),
    ),
    ("wire/http.py", "http_head"): (
        ("no header splits a request", 'header " + name, 32', 'header " + name, 10'),
    ),
    ("wire/websocket.py", "websocket_codec"): (
        ("no server may mask (5.1)", "elif length & _MASKED", "elif False"),
    ),
    ("wire/x509.py", "x509"): (
        ("a year of two digits ends in 2049 (4.1.2.5.1)", 'text >= b"5"', 'text >= b"7"'),
    ),
    ("client/mqtt.py", "mqtt_client"): (
        ("what is sent again says so (3.3.1.1)", "self.first_byte | again << 3", "50"),
        ("an answer's time grows with what goes before", "self._size += size", "self._size = 0"),
        ("late is what a ping was answered after", "self._alive_at, due) >= 0", "1, 0) >= 0"),
        ("an idle client pings (3.1.2.10)", "_keepalive_s * 750", "_keepalive_s * 1500"),
        ("PUBACK is not enough where a reply comes", "is not None and self.replies", "is self"),
    ),
    ("client/coap.py", "coap_client"): (
        ("what did not go is not outstanding", "exchange.cancel()\n            raise", "raise"),
    ),
    ("net/datagram.py", "coap_client"): (
        ("a long datagram comes cut", "if datagram and", "if 0 < len(datagram) <= 384 and"),
    ),
    ("client/http.py", "http_steps"): (
        ("who takes, or answers, nothing is given up", "if not due_ms:", "if False:"),
        ("a body goes at 8 kbit/s at least", "self._sent_by.remaining_ms()", "1 << 28"),
    ),
    ("client/http.py", "http_client"): (
        ("a new connection that ends is lost (9.3.1)", "began or not self._used", "began"),
    ),
    ("client/mqtt.py", "mqtt_session"): (
        (
            "what has no PUBACK goes as the same packet (4.4)",
            "again = packet_id is not None",
            "again = False",
        ),
        (
            "a packet id of another session is none",
            "            self._ids.clear()",
            "            pass",
        ),
    ),
    ("cloud/mqtt_session.py", "mqtt_session"): (
        (
            "no reply comes where its subscription is refused",
            "self.client.replies = False",
            "pass",
        ),
    ),
    ("cloud/mqtt_session.py", "contract_session"): (
        ("what is in flight is not sent twice", "if client.holds(key)", "if False"),
    ),
    ("client/mqtt.py", "contract_session"): (
        ("who takes no data is given up", 'raise Lost("the peer takes no data")', "pass"),
    ),
    ("net/secure.py", "contract_channel"): (
        ("a handshake has an end", "elif self._deadline.expired()", "elif 0"),
    ),
    ("net/stream.py", "contract_channel"): (
        ("no socket stays without memory", "self.close()  # nobody else can", "pass"),
        (
            "a silent address has a share (8305, 5)",
            "self._addresses and self._next",
            "0 and self._next",
        ),
    ),
    ("net/datagram.py", "contract_channel"): (
        ("another address when one was silent", "found[turn %", "found[0 *"),
    ),
    ("net/modem/at.py", "modem_transcripts"): (
        ("an answer of CEREG has a number more", "len(parts[1]) == 1", "True"),
        ("a lone CR is no line", 'lstrip(b"\\r\\n', 'lstrip(b"\\n'),
        ("what is busy is asked again", "if line not in _BUSY", "if line"),
        ("datagrams in hex are sent in capitals", ".upper()", ""),
        ("a datagram goes by its count", "self._left = size <<", "self._left = 1 <<"),
    ),
    ("net/modem/at.py", "modem"): (
        ("what another has sent is dropped", "not self.peer or", "True or"),
    ),
    ("net/modem/modem.py", "modem"): (
        ("0 alone is an open socket", 'found[0] != b"0"', "False"),
        ("the APN counts from the attach on", '"AT+CFUN=0"', '"AT"'),
    ),
    ("net/modem/channel.py", "modem"): (
        ("a socket may not outlive a sleep", "if done is None and at.said", "if 0 and at.said"),
        ("replies release the radio", "replies in (0, 1)", "replies in (0, 2)"),
    ),
    ("net/modem/family/bc95.py", "modem_transcripts"): (
        ("the count is the fourth field", "(row, 3, 1)", "(row, 2, 1)"),
        ("0x200 releases at once, 0x400 after a reply", "F={},0x200", "F={},0x400"),
        ("SARA-N2 wants quotes", "self.QUOTE = '\"'", "pass"),
    ),
    ("net/modem/family/sim7020.py", "modem_transcripts"): (
        ("a length counts digits", 'b",", 1, 2)', 'b",", 1, 1)'),
        ("the port goes before the address", "self.socket, port, host", "self.socket, host, port"),
    ),
    ("net/modem/family/sim7080.py", "modem_transcripts"): (
        ("data begin behind the comma", '(b"+CARECV:", 1, 0)', '(b"+CARECV:", 0, 0)'),
        ("that data came is told so", "+CADATAIND", "+CAURC"),
    ),
    ("net/modem/family/sara_r4.py", "modem_transcripts"): (
        ("what is left is told, too", '"+UUSOR"', '"+UUSORD"'),
        ("it asks for data with @", 'b"@"', 'b">"'),
        ("50 ms before the data", "PAUSE_MS = 51", "PAUSE_MS = 500"),
        ("data begin behind four commas", '(b"+USORF:", 4, 0)', '(b"+USORF:", 3, 0)'),
    ),
    ("net/trust.py", "trust"): (("what cannot be read is named", "if log:", "if 0:"),),
    ("net/refusal.py", "tls_shim"): (
        ("memory blames no certificate", "_LAST = const(0x2800)", "_LAST = const(0x2980)"),
    ),
    ("wire/pem.py", "trust"): (
        ("a block without its end is broken", 'data[end : end + 9] == b"-----END "', "end"),
    ),
    ("cloud/http_session.py", "alibaba_http_answers"): (
        ("who is refused is the device, not the report", "self._done()  # the", "pass  # the"),
    ),
    ("cloud/http_session.py", "alibaba_http_troubles"): (
        ("what was not on the wire is not named", "report and self._client.began", "report"),
    ),
    ("cloud/alibaba/http.py", "alibaba_http_answers"): (
        ("another server says nothing of a report", 'Lost("the', 'ProtocolError("the'),
    ),
    ("cloud/http_session.py", "alibaba_http_codes"): (
        ("a token is renewed once for a report", "if self._renewed or ", "if "),
        ("it is not open before its login", "self._asking and dialect.logs_in", "False"),
    ),
    ("wire/http_date.py", "alibaba_http_codes"): (
        ("a date counts from the reply's own", "_number(unix_s, date, now_s)", "now_s"),
    ),
    ("cloud/alibaba/token.py", "alibaba_http_troubles"): (
        ("a token lives seven days", "(604_800_000)", "(6_048_000_000)"),
    ),
    ("cloud/alibaba/token.py", "alibaba_coap"): (
        ("a token lives seven days", "(604_800_000)", "(6_048_000_000)"),
    ),
    ("cloud/alibaba/coap_access.py", "alibaba_coap_troubles"): (
        ("after damage no old token is used", "state.damaged or ", ""),
        ("behind a modem name and address take turns", "self.doubt & 1 if", "self.doubt if"),
    ),
    ("cloud/alibaba/coap_access.py", "alibaba_coap_floods"): (
        ("a handshake's time follows ack_timeout_ms", "_HANDSHAKE * config", "0 * config"),
    ),
    ("cloud/alibaba/coap.py", "alibaba_coap_troubles"): (
        ("what AES granted and does not work is forgotten", "not access.token.is_kept", "False"),
        (
            "what waits for a handshake is not on the wire",
            " and self._client.channel.opened()",
            "",
        ),
    ),
    ("cloud/broker/mqtt.py", "broker"): (
        ("a refusal is no proof", 'topic != self._config["reply_topic"]', "False"),
        ("no shadow says what failed", "if not tells:", "if False:"),
    ),
    ("cloud/broker/session.py", "broker"): (
        ("it is no report's fault that nobody answers", "if not answers:", "if False:"),
        ("missing memory is no policy's fault", "keys and isinstance(error, Lost)", "keys"),
    ),
    ("cloud/broker/templates.py", "broker"): (
        ("no template holds the values twice", "len(parts) != 2", "len(parts) < 2"),
        ("a time that is not known is left out", "absent += _TIMES", "pass"),
    ),
    ("cloud/enos/mqtt.py", "dialects"): (
        ("what is older than a minute is not live", "(60_000)", "(600_000)"),
    ),
    ("cloud/azure/mqtt.py", "azure"): (
        ("a token is renewed before it ends", '["token_s"] * 875', '["token_s"] * 1200'),
        ("a login anew waits for what is in flight", " and not self.client.flight:", ":"),
        ("what is reported as desired is no command", "desired[name] != reported[name]", "True"),
        (
            "a method is answered by the login that was asked",
            "if login and login !=",
            "if 0 and login !=",
        ),
        ("the hub's own answer proves what is reported", "if topic.startswith(_REPORTED)", "if 0"),
    ),
    ("cloud/azure/dps.py", "azure"): (
        ("a refused assignment is forgotten", 'State().keep({"azure": None}, log)', "pass"),
        ("DPS is asked after as long as it says", "min(wait_s or _SOON_S, _LONGEST_S)", "0"),
    ),
    ("cloud/watson/gateway.py", "watson_notices"): (
        ("a notice is about its topic", "entry[1] == about and 0", "0"),
    ),
    ("cloud/watson/http.py", "watson_http_commands"): (
        ("eight commands go before a report", "const(8)", "const(9)"),
    ),
    ("cloud/watson/http.py", "watson_http"): (
        ("a gateway that is refused sets no report aside", " and self._answered", ""),
        ("a page of somebody else stores nothing", "if self._is_page:", "if False:"),
    ),
    ("certificate/renewal.py", "renewal_refused"): (
        ("an expired certificate is not tried", "ends * 1000 <=", "0 >"),
        ("a certificate without its key is not tried", "if not x509.belongs(", "if not ("),
    ),
    ("certificate/trial.py", "trial"): (
        ("another server has judged nothing", " and not isinstance(error, Untrusted)", ""),
        ("five unanswered trials are a refusal", "const(5)", "const(6)"),
    ),
    ("certificate/on_trial.py", "renewal_refused"): (
        (
            "the old certificate is put back",
            'self._config["trust"], self._old = self._old, None',
            "self._old = None",
        ),
    ),
    ("certificate/trial.py", "renewal_cut_short"): (
        ("what is kept is what was tried", '_check(path + ".new", renewal)', "pass"),
    ),
    ("certificate/pending.py", "renewal_cut_short"): (
        ("what was deployed meanwhile stays", ", crc(path)]", ", renewal[1]]"),
    ),
    ("certificate/expiry.py", "expiry"): (
        ("the cloud is warned once a day", '("warned") == today', '("warned") == 0'),
    ),
}


class Mutant(NamedTuple):
    """One change of a file under lib/signet; see _TABLE."""

    file: str
    test: str
    fact: str
    old: str
    new: str

    @property
    def test_path(self) -> str:
        """Its test file, from the root of the tree."""
        return f"host_tests/portable/test_{self.test}.py"

    def change(self, text: str) -> str:
        """The file's text with the change. raises: UserError where the table is stale."""
        if text.count(self.old) != 1:
            times = text.count(self.old)
            raise UserError(f"table.py is stale: {self.old!r} is {times} times in {self.file}")
        return text.replace(self.old, self.new)


MUTANTS = [Mutant(*where, *row) for where, rows in _TABLE.items() for row in rows]
