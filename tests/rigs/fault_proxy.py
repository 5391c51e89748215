"""A proxy that passes HTTP on, and damages some of it."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time

#: What may happen to a request, and how often.
FAULTS = {"pass": 55, "cut": 11, "swallow": 14, "500": 6, "429": 5, "503": 4, "delay": 4, "hang": 1}
ANSWERS = {"500": b"Internal Server Error", "429": b"Too Many Requests", "503": b"Service Unavailable"}


class Proxy:
    """
    Passes HTTP on to a port, and damages some of it while `faults` are on: cuts a request in its body, swallows the answer after the server
    has given it (the commit took place), answers itself, delays, or holds the answer until the client gives up.
    """

    def __init__(self, port, seed, weights=None):
        self.to = port
        self.faults = True
        self.refuse = None  # a part of a path: such requests get a 503
        self.weights = weights or FAULTS
        self.random = random.Random(seed)
        self.happened = dict.fromkeys(FAULTS, 0)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._closing = threading.Event()
        self._threads = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def damaged(self):
        """How many requests did not pass as they came."""
        return sum(count for fault, count in self.happened.items() if fault != "pass")

    def close(self):
        self._closing.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._accepting.join()
        for thread in self._threads:
            thread.join()

    def _accept(self):
        while not self._closing.is_set():
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client,))
            thread.start()
            self._threads = [one for one in self._threads if one.is_alive()] + [thread]

    def _serve(self, client):
        with client, contextlib.suppress(OSError, EOFError):
            client.settimeout(0.2)
            while True:
                head, body = self._message(client)
                fault = "503" if self.refuse and self.refuse in head.decode("latin-1").split("\r\n")[0] else self._choose()
                self.happened[fault] += 1
                if fault in ANSWERS:
                    answer = b"HTTP/1.1 %s %s\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"
                    client.sendall(answer % (fault.encode(), ANSWERS[fault]))
                    continue
                self._pass_on(client, head, body, fault)

    def _pass_on(self, client, head, body, fault):
        with socket.create_connection(("127.0.0.1", self.to), timeout=5) as server:
            server.settimeout(0.2)
            if fault == "cut":
                server.sendall((head + body)[: len(head) + len(body) // 2])
                raise EOFError
            server.sendall(head + body)
            answer = b"".join(self._message(server))
            if fault == "swallow":
                raise EOFError
            if fault in ("delay", "hang"):
                self._closing.wait(0.2 if fault == "delay" else 2.5)
            client.sendall(answer)

    def _choose(self):
        return self.random.choices(list(self.weights), list(self.weights.values()))[0] if self.faults else "pass"

    def _message(self, connection):
        """Head and body of a message with a Content-Length."""
        found = b""
        while b"\r\n\r\n" not in found:
            found += self._receive(connection)
        head, _, body = found.partition(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        wanted = int(lengths[0]) if lengths else 0
        parts, got = [body], len(body)
        while got < wanted:
            parts.append(self._receive(connection))
            got += len(parts[-1])
        return head + b"\r\n\r\n", b"".join(parts)

    def _receive(self, connection):
        """What comes next; EOFError at the end, and when the proxy closes."""
        deadline = time.monotonic() + 60
        while not self._closing.is_set() and time.monotonic() < deadline:
            try:
                chunk = connection.recv(1 << 16)
            except TimeoutError:
                continue
            if not chunk:
                raise EOFError
            return chunk
        raise EOFError
