"""
A port for `/healthz` and `/metrics` alone: for an agent that has no portal (it keeps no store), asked by a kubelet or by Prometheus.

Nothing else is answered there, so nothing there needs a key; it is listened on only where a setting says so (docs/decisions/0024).
"""

from __future__ import annotations

from typing import Any

import structlog
from aiohttp import web

from outrider_agent import probes

log = structlog.get_logger(part="probes")

_SHUTDOWN_S = 0.5
_BACKLOG = 32
#: Who asks asks again within this time, or opens a new connection; none is held for whoever only opened one.
_KEEPALIVE_S = 75.0


class ProbePort:
    """Answers from `start` to `close`. `address`: where it listens; empty: nowhere. `port`: 0 for any."""

    def __init__(self, asked: probes.Asked, address: str, port: int) -> None:
        self._asked, self._address, self._wanted = asked, address, port
        self._runner: web.AppRunner | None = None
        self._port: int | None = None
        self._error: str | None = None

    def describe(self) -> dict[str, Any]:
        """For `status`."""
        host = f"[{self._address}]" if ":" in self._address else self._address
        return {"url": None if self._port is None else f"http://{host}:{self._port}/", "error": self._error}

    async def start(self) -> None:
        """Listens, where it is told to. Never raises for want of the port: another one would not be asked."""
        if not self._address:
            return
        app = web.Application(client_max_size=1024)
        app.add_routes(probes.routes(self._asked))
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=_SHUTDOWN_S, keepalive_timeout=_KEEPALIVE_S
        )
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._address, self._wanted, backlog=_BACKLOG, reuse_address=True).start()
        except OSError as exc:
            await self.close()
            self._error = (
                f"{self._address}:{self._wanted} cannot be listened on ({exc.strerror or exc}): /healthz and /metrics are not answered "
                "there. Everything else goes on; set probes.address or probes.port, and restart the agent."
            )
            log.warning("probes_not_answered", error=self._error)
            return
        self._port = self._runner.addresses[0][1]
        log.info("probes_answered", url=self.describe()["url"])

    async def close(self) -> None:
        """Stops listening. Idempotent."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
