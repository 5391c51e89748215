"""A tail under test, with what its user keeps: what was given out, and what an agent that is killed would go on from."""

from __future__ import annotations

import json
import os
import zlib
from typing import ClassVar

from outrider_agent.collect import tail


def line(number, text=""):
    """A line that can be told from any other, and from a damaged one."""
    body = json.dumps({"id": number, "text": text})
    return f"{body} {zlib.crc32(body.encode()):08x}\n".encode()


class Reader:
    """Reads a file as an agent does. `restart()`: the agent ends in order and begins anew; `kill()`: without closing anything."""

    def __init__(self, path, budget=1 << 22, **options):
        self.path, self.budget, self.options = str(path), budget, options
        self.positions: dict[int, tail.Position] = {}
        self.events: list[tail.Event] = []
        self.tail = tail.Tail(self.path, {}, **options)

    def step(self, times=3):
        """Some looks."""
        for _ in range(times):
            self._take(self.tail.step(self.budget))
        return self

    def finish(self):
        """Nobody writes any more."""
        self._take(self.tail.finish())
        return self

    def restart(self):
        """A new one from what was remembered."""
        self.tail.close()
        self.tail = tail.Tail(self.path, self.positions, **self.options)
        return self

    def _take(self, events):
        for event in events:
            self.events.append(event)
            tail.remember(self.positions, event)

    @property
    def data(self):
        """All lines, in order."""
        return b"".join(event.data for event in self.events if isinstance(event, tail.Piece))

    @property
    def ids(self):
        """The numbers of the lines, each checked."""
        found = []
        for raw in self.data.split(b"\n"):
            body, _, crc = raw.strip(b"\0").rpartition(b" ")
            if body:
                assert int(crc, 16) == zlib.crc32(body), raw[:100]
                found.append(json.loads(body)["id"])
        return found

    @property
    def lost(self):
        """What it said could not be read."""
        return [event for event in self.events if isinstance(event, tail.Lost)]


class Writer:
    """A program that appends, and keeps its descriptor until it is told to open the file anew."""

    opened: ClassVar[list[int]] = []

    def __init__(self, path):
        self.path, self.next, self.fd = path, 1, -1
        self.reopen()

    def write(self, count=1, text=""):
        for _ in range(count):
            self.raw(line(self.next, text))
            self.next += 1

    def raw(self, data):
        os.write(self.fd, data)

    def reopen(self):
        self.close()
        self.fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.opened.append(self.fd)

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
            self.opened.remove(self.fd)
            self.fd = -1


def descriptors():
    """The numbers of this process's open files."""
    return {int(name) for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")}
