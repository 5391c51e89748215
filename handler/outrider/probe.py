"""
`python -S -m outrider.probe [live|ready|progress]`: asks the agent of this home /healthz, in the time that Python needs to start.

For health checks that run a command every few seconds (a container's, a pod's): `outrider health` says the same, and takes longer.
Exit code 0: yes. 1: no, or nobody answers; stdout says which.
"""

from __future__ import annotations

import os
import socket
import sys

_TIMEOUT_S = 8.0


def ask(home: str, question: str) -> tuple[int, str]:
    """The answer's status (0: none) and its body."""
    import json

    path = "/healthz" + (f"/{question}" if question else "")
    try:
        with open(os.path.join(home, "agent.json"), encoding="utf-8") as file:
            address = json.load(file)["socket"]
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_TIMEOUT_S)
            connection.connect(address)
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: outrider\r\n\r\n".encode())
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
    except (OSError, ValueError, KeyError, TypeError) as error:
        return 0, f"no agent answers for {home}: {error}"
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    return (int(status[0]) if status and status[0].isdigit() else 0), body.decode("utf-8", "replace")


def main(arguments: list[str]) -> int:
    """Its exit code."""
    home = os.environ.get("OUTRIDER_HOME")
    if not home:
        from outrider import spool

        home = spool.home()
    status, said = ask(home, arguments[0] if arguments else "")
    sys.stdout.write(said.rstrip("\n") + "\n")
    return 0 if status == 200 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
