"""What a parser that was taken over would try, to be run in the sandbox."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import time
from pathlib import Path

import av

from provenance.errors import MediaTooLarge
from provenance.video import open_media


def answer(value, *, file=None, ask=None):
    text = None if file is None else file.read_bytes().decode()
    return {"value": value, "file": text, "asked": None if ask is None else ask("double", value)}


def tried(*attempts, **files):
    """For each attempt (what, place) the error that it ends with; "done" when it ends with none."""
    return [_tried(what, place) for what, place in attempts]


def _tried(what, place):
    try:
        _ATTEMPTS[what](place)
    except OSError as error:
        return type(error).__name__
    return "done"


def look_around(_place=None):
    kinds = []
    for number in range(64):
        with contextlib.suppress(OSError):
            kinds.append(stat.S_IFMT(os.fstat(number).st_mode))
    return {"environ": dict(os.environ), "files": kinds.count(stat.S_IFREG)}


def refuse():
    raise MediaTooLarge("too large", hint="cut it")


def devour(_task, *, path, ask):
    return misbehave("eat")


def count(*, path):
    with open_media(path) as media:
        return sum(1 for _ in media.pictures())


def open_anyhow(name, *, path):
    """Opens a file as FFmpeg does when nobody stops it."""
    try:
        with av.open(name if name is not None else str(path), options={"safe": "0"}) as found:
            return "frames" if next(found.decode(video=0), None) is not None else "none"
    except Exception as error:  # noqa: BLE001 any will do
        return type(error).__name__


def misbehave(how):
    return _MISDEEDS[how]()


def _fork(_):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _socket(family, kind):
    def attempt(place):
        with socket.socket(family, kind) as one:
            if isinstance(place, int):
                one.connect(("127.0.0.1", place))

    return attempt


def _spin():
    while True:
        pass


def _half_a_message():
    for number in range(3, 64):
        with contextlib.suppress(OSError):
            os.write(number, b"\0\0\x10\0{")
    time.sleep(60)


_ATTEMPTS = {
    "read": lambda place: Path(place).read_bytes(),
    "list": os.listdir,
    "write": lambda place: Path(place).write_bytes(b"x"),
    "remove": lambda place: Path(place).unlink(),
    "chmod": lambda place: Path(place).chmod(0o777),
    "utime": os.utime,
    "link": lambda place: os.link(place, f"{place}.link"),
    "tcp": _socket(socket.AF_INET, socket.SOCK_STREAM),
    "udp": _socket(socket.AF_INET, socket.SOCK_DGRAM),
    "unix": _socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "fork": _fork,
    "program": lambda _: os.execv("/bin/true", ["true"]),
    "kill": lambda place: os.kill(place, 0),
    "descriptor": lambda _: os.memfd_create("x") and os.write(os.memfd_create("y"), b"x" * 10),
}
_MISDEEDS = {
    "spin": _spin,
    "sleep": lambda: time.sleep(60),
    "eat": lambda: len([bytearray(1 << 20) for _ in range(4096)]),
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "exit": lambda: os._exit(3),
    "shout": lambda: "x" * (1 << 20),
    "half": _half_a_message,
    "unsendable": lambda: {1, 2},
    "raise": lambda: {}["nothing"],
}
