"""An engine that behaves badly: it hangs, falls silent, forgets fields. What a real one does well is in tests/e2e/test_containers.py."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web
from container_rig import Rig

from outrider_agent.collect import engineapi

ID = "e" * 64
START = 1_795_325_985_000_000_000


def stamped(number, text):
    """One frame, as the engine sends it; three messages share each nanosecond."""
    nanoseconds = START + number // 3
    body = f"2026-11-22T05:39:45.{nanoseconds % 10**9:09d}Z {text}\n".encode()
    return nanoseconds, b"\x01\0\0\0" + len(body).to_bytes(4, "big") + body


class BadEngine:
    """`messages` in all; each connection gives two more than the one before had got to, and then nothing, without an end."""

    def __init__(self, messages):
        self.messages = [stamped(number, f"line {number}") for number in range(messages)]
        self.given = 0
        self.connections = 0
        self.running = True

    def inspect(self):
        state = {"Running": self.running, "StartedAt": "2026-11-22T05:39:44Z", "ExitCode": 0}
        if not self.running:
            state["FinishedAt"] = "2026-11-22T05:39:59Z"
        return {
            "Id": ID,
            "Name": "/bad",
            "State": state,
            "Config": {"Labels": {"outrider.experiment": "e"}},
            "HostConfig": {"LogConfig": {"Type": "local"}},
        }

    def application(self):
        app = web.Application()
        app.add_routes(
            [
                web.get("/events", self.events),
                web.get("/containers/json", self.list),
                web.get(f"/containers/{ID}/json", self.one),
                web.get(f"/containers/{ID}/logs", self.logs),
            ]
        )
        return app

    async def events(self, request):
        """Podman's: hardly a field of docker's."""
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(
            json.dumps({"status": "start"}).encode() + b"\n[]\n\n" + json.dumps({"Action": "oom", "Actor": None}).encode() + b"\n"
        )
        await asyncio.sleep(60)
        return answer

    async def list(self, _request):
        return web.json_response([{"Id": ID}, {}, None])

    async def one(self, _request):
        return web.json_response(self.inspect())

    async def logs(self, request):
        self.connections += 1
        seconds, _, fraction = request.query.get("since", "0").partition(".")
        since = int(seconds) * 10**9 + int(fraction or 0)
        answer = web.StreamResponse()
        await answer.prepare(request)
        self.given = min(len(self.messages), self.given + 2)
        for nanoseconds, frame in self.messages[: self.given]:
            if nanoseconds >= since:
                await answer.write(frame)
        if self.given == len(self.messages):
            self.running = False
            return answer
        await asyncio.sleep(60)
        return answer


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """It, on a socket; silence is noticed soon."""
    monkeypatch.setattr(engineapi, "SILENCE_S", 0.4)
    return BadEngine(11), str(tmp_path / "engine.sock")


def test_f11_f12_a_stream_that_falls_silent_is_opened_again_and_nothing_comes_twice(engine, home):
    """Where the engine goes on in the middle of three messages of one nanosecond, too; and its events end the container."""
    bad, socket = engine
    rig = Rig(home, docker_folder="", pods_folder="", sockets=(socket,), sweep_interval_s=0.2)

    async def serve():
        runner = web.AppRunner(bad.application(), shutdown_timeout=0.1)
        await runner.setup()
        await web.UnixSite(runner, socket).start()
        try:
            await asyncio.to_thread(rig.start)
            end = await asyncio.to_thread(rig.wait_end, ID[:12])
        finally:
            await asyncio.to_thread(rig.close)
            await runner.cleanup()
        return end

    assert asyncio.run(serve()) == [{"status": "Completed", "reason": "completed", "code": 0}]
    assert rig.output(ID[:12]) == b"".join(b"line %d\n" % number for number in range(11))
    assert bad.connections >= 6
