"""A server for tests that ask it over real HTTP, and a sink that ships to it."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlencode

from outrider_agent import model
from outrider_agent.blobs import local
from outrider_agent.sinks import http as sink
from outrider_agent.store import tokens


class Asked:
    """Requests to a server of the fault harness, with a token of its own."""

    def __init__(self, server, name="tests", **token):
        self.server = server
        self.token = tokens.create(server.home / "outrider.db", name, **token)

    def __call__(self, method, path, body=None, *, token=None, **query):
        """(status, document, headers); `token` in place of its own, "" for none."""
        status, content, headers = self.raw(method, f"/api/v1{path}" + (f"?{urlencode(query)}" if query else ""), body, token=token)
        return status, json.loads(content) if content else None, headers

    def raw(self, method, path, body=None, *, token=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        text = self.token if token is None else token
        if text:
            given["Authorization"] = f"Bearer {text}"
        try:
            connection.request(method, path, body=body, headers=given)
            response = connection.getresponse()
            return response.status, response.read(), response.headers
        finally:
            connection.close()


def make_sink(server, folder, *, token=None, **more):
    """A sink that ships to the server, with blobs of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "token"
    file.write_text(tokens.create(server.home / "outrider.db", folder.name) if token is None else token)
    given = {"url": server.url, "token_file": str(file), "ca_file": "", "compress": True, "timeout_s": 20.0, "part_bytes": 1 << 16}
    options = sink.Options(**{**given, **more}, state=folder / "sink")
    return sink.HttpSink(options, local.LocalBlobs(folder / "blobs"))


def piece(stream, data, start=model.START, *, torn=0):
    """A slice that begins at `start`, in its segment."""
    end = model.Position(start.segment, start.offset + len(data))
    return model.Slice(stream=stream, start=start, end=end, data_offset=start.offset, data=data, torn=torn)
