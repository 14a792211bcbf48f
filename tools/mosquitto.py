"""How does a plain mosquitto run on this machine, and what arrives there?

Boards log in over TCP with user and password.  Whoever may enter its folder needs neither: there
is a Unix socket in it, for mosquitto_sub and mosquitto_pub.
"""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tools import toolchain
from tools.json_file import read_object
from tools.lifeline import die_with_parent
from tools.pki.keys import write_file
from tools.ui import UserError

USUAL_PORT = 1883
CONFIG = "device.json"
SOCKET = "mosquitto.sock"
"""In the folder of a plain broker."""

_CONFIG = """\
per_listener_settings true
listener {port} {host}
allow_anonymous false
password_file passwords
listener 0 {socket}
allow_anonymous true
"""
_START_S = 10.0


class Message(NamedTuple):
    """What has arrived."""

    topic: str
    payload: bytes


@contextlib.contextmanager
def mosquitto(folder: Path, settings: str, address: tuple[str, int]) -> Iterator[None]:
    """A mosquitto while the context lasts.

    folder: where it keeps its files and says what goes wrong. settings: lines of mosquitto.conf.
    address: where it is to listen.
    raises: UserError when it does not start, with its last line.
    """
    user = "user root\n" if os.geteuid() == 0 else ""  # else it would give up root and its folder
    log = folder / "mosquitto.log"
    (folder / "mosquitto.conf").write_text(f"{settings}{user}")
    with log.open("wb") as said:
        process = subprocess.Popen(
            [toolchain.mosquitto(), "-c", "mosquitto.conf"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            preexec_fn=die_with_parent(),  # noqa: PLW1509
            process_group=0,  # Ctrl-C is for the command, which ends it in order
            umask=0o077,
        )
    try:
        give_up = time.monotonic() + _START_S
        while not _accepts(address):
            if process.poll() is not None or time.monotonic() > give_up:
                last = log.read_text(errors="replace").strip().splitlines()[-1:]
                raise UserError(f"mosquitto did not start: {''.join(last) or 'no output'}")
            time.sleep(0.01)
        yield
    finally:
        process.kill()
        process.wait()


def _accepts(address: tuple[str, int]) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(address, 1).close()
        return True
    return False


def free_port(host: str, port: int = 0) -> int:
    """That port where it is free, else another that is. raises: UserError for a foreign host."""
    try:
        with socket.create_server((host, port)) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        if port:
            return free_port(host)
        why = str(error.strerror).partition(" (")[0]
        text = f"cannot listen on {host}: {why}; name an address of this machine"
        raise UserError(text) from None


def device_json(folder: Path, **given: str | int) -> Path:
    """Make a board's device.json in the folder of a plain broker, or change the one that is there.

    folder: is made where it is not there, for this user alone. given: values of device.json;
    port 0 is a free one. What is neither given nor there: loopback, port 1883 where that is free,
    client id and user board-1, and a password by chance.
    returns: the file. raises: UserError when it cannot be read, or `host` is no one address.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / CONFIG
    present = read_object(file) if file.exists() else {}
    config: dict[str, Any] = {
        "cloud": "broker",
        "host": "127.0.0.1",
        "tls": False,
        "insecure": True,
    }
    config |= {"client_id": "board-1", "user": "board-1", "password": secrets.token_urlsafe(12)}
    config |= present | given
    if not str(config["host"]).strip("0.:"):
        text = f"cannot listen on {config['host']}: a board has to connect there; name an address"
        raise UserError(f"{text} of this machine")
    if not present and "port" not in given:
        config["port"] = free_port(config["host"], USUAL_PORT)
    elif given.get("port") == 0:
        config["port"] = free_port(config["host"])
    if config.get("port") == USUAL_PORT:
        del config["port"]
    if config != present:
        write_file(file, (json.dumps(config, indent=1) + "\n").encode(), 0o600)
    return file


@contextlib.contextmanager
def plain_broker(folder: Path) -> Iterator[dict[str, Any]]:
    """A mosquitto for the device.json in that folder, while the context lasts; gives its values.

    raises: UserError when the values are not for a broker without TLS, or it does not start.
    """
    config = read_object(folder / CONFIG)
    login = [config.get("user"), config.get("password")]
    texts = all(isinstance(word, str) for word in login)
    if config.get("cloud") != "broker" or config.get("tls") is not False or not texts:
        raise UserError(
            f"{folder / CONFIG} is not for a plain broker: that has cloud broker, tls false, a"
            " user and a password; remove it, or name another folder with --folder"
        )
    host, port = config["host"], config.get("port", USUAL_PORT)
    if _accepts((host, port)):
        raise UserError(f"port {port} of {host} is in use; end what listens there, or --port 0")
    write_file(folder / "passwords", "{}:{}\n".format(*login).encode(), 0o600)
    hashed: list[str | Path] = [toolchain.mosquitto("mosquitto_passwd"), "-U", "passwords"]
    subprocess.run(hashed, cwd=folder, check=True, capture_output=True)
    (folder / SOCKET).unlink(missing_ok=True)
    settings = _CONFIG.format(host=host, port=port, socket=SOCKET)
    with mosquitto(folder, settings, (host, port)):
        yield config


@contextlib.contextmanager
def arriving(folder: Path, timeout_s: int | None = None) -> Iterator[Iterator[Message]]:
    """What arrives at the plain broker of a folder, one by one, from now on.

    timeout_s: after so many seconds there is no more.
    """
    command: list[str | Path] = [toolchain.mosquitto("mosquitto_sub"), "--unix", SOCKET]
    command += ["-t", "#", "-F", "%x %t"]
    with subprocess.Popen(
        [*command, *(["-W", str(timeout_s)] if timeout_s else [])],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=die_with_parent(),  # noqa: PLW1509
        process_group=0,
    ) as process:
        try:
            assert process.stdout is not None
            lines = (line.rstrip("\n").partition(" ") for line in process.stdout)
            yield (Message(topic, bytes.fromhex(payload)) for payload, _, topic in lines)
        finally:
            process.kill()


def publish(folder: Path, topic: str, payload: str) -> None:
    """Publish there; from within, for a socket's name has at most 107 bytes."""
    program = toolchain.mosquitto("mosquitto_pub")
    subprocess.run([program, *_publish(SOCKET, topic, payload)], cwd=folder, check=True)


def publish_command(folder: Path, topic: str, payload: str) -> list[str]:
    """The command line that publishes there."""
    program = os.path.relpath(toolchain.mosquitto("mosquitto_pub"))
    return [program, *_publish(str(folder / SOCKET), topic, payload)]


def _publish(path: str, topic: str, payload: str) -> list[str]:
    return ["--unix", path, "-q", "1", "-t", topic, "-m", payload]
