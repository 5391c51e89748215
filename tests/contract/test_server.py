"""The wire of docs/server.md as any client sees it: slices, blobs, tokens, limits; each error says what happened and what to do."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import socket
import threading
import uuid
import zlib

import pytest
import servers
from server_rig import Asked
from spoolfiles import line
from waiting import until

from outrider_agent.store import reading, tokens

WRITER = "py-1-00000000"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for all tests that only ask."""
    limits = ("--set", "server.max_body_bytes=100000", "--set", "server.body_timeout_s=1.5")
    with servers.serving(tmp_path_factory.mktemp("server") / "central", *limits) as one:
        yield one


@pytest.fixture(scope="module")
def ask(server):
    return Asked(server)


@pytest.fixture
def run():
    """A run of the test's own."""
    return f"run-{uuid.uuid4().hex[:12]}"


def values(server, run, name="x"):
    with reading.Reader(server.home / "outrider.db") as store:
        return [point.value for point in store.points(run, name)]


def test_a_slice_is_committed_and_the_answer_is_where_the_stream_stands(server, ask, run):
    """Law 4: the answer is the committed position, and the next slice begins there."""
    first, second = line("m", n="x", v=1), line("m", n="x", v=2)
    path = f"/streams/{run}/{WRITER}"
    assert ask("GET", path)[:2] == (200, {"segment": 0, "offset": 0})
    status, answer, _ = ask("PUT", path, first, **{"from": "0.0", "to": f"0.{len(first)}"})
    assert (status, answer) == (200, {"segment": 0, "offset": len(first)})
    status, answer, _ = ask("PUT", path, second, **{"from": f"0.{len(first)}", "to": f"0.{len(first + second)}"})
    assert (status, answer["offset"]) == (200, len(first + second))
    assert values(server, run) == [1, 2]
    status, answer, _ = ask("POST", "/streams", json.dumps({"streams": [[run, WRITER], [run, "py-2"]]}))
    assert (status, answer) == (200, {"positions": [[0, len(first + second)], [0, 0]]})


def test_a_slice_that_begins_elsewhere_is_answered_with_the_truth(server, ask, run):
    """Law 3: neither a repetition nor a hole gets in."""
    path, first = f"/streams/{run}/{WRITER}", line("m", n="x", v=1)
    there = {"segment": 0, "offset": len(first)}
    assert ask("PUT", path, first, **{"from": "0.0", "to": f"0.{len(first)}"})[0] == 200
    assert ask("PUT", path, first, **{"from": "0.0", "to": f"0.{len(first)}"})[:2] == (409, there)
    assert ask("PUT", path, first, **{"from": "0.500", "to": f"0.{500 + len(first)}"})[:2] == (409, there)
    assert ask("PUT", path, first, **{"from": "1.0", "to": f"1.{len(first)}"})[:2] == (409, there)
    assert values(server, run) == [1]


def test_the_same_slice_from_many_at_once_is_taken_once(server, ask, run):
    """Law 3: two agents of one stream."""
    data = b"".join(line("m", n="x", v=i) for i in range(50))
    answers = []

    def send():
        answers.append(ask("PUT", f"/streams/{run}/{WRITER}", data, **{"from": "0.0", "to": f"0.{len(data)}"})[:2])

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status for status, _ in answers) == [200] + [409] * 7
    assert {json.dumps(answer) for _, answer in answers} == {json.dumps({"segment": 0, "offset": len(data)})}
    assert values(server, run) == list(range(50))


def test_a_new_segment_begins_where_the_last_one_ended(server, ask, run):
    """The cursor leads over; the bytes begin at 0 of the new one."""
    path, first, second = f"/streams/{run}/{WRITER}", line("m", n="x", v=1), line("m", n="x", v=2)
    ask("PUT", path, first, **{"from": "0.0", "to": f"0.{len(first)}"})
    status, answer, _ = ask("PUT", path, second, **{"from": f"0.{len(first)}", "to": f"1.{len(second)}"})
    assert (status, answer) == (200, {"segment": 1, "offset": len(second)})
    assert values(server, run) == [1, 2]


def test_what_cannot_be_read_is_set_aside_on_the_server(server, ask, run):
    """Law 6: a bad line, a torn tail, a slice that nobody would take; each with its place."""
    path, good, bad, torn = f"/streams/{run}/{WRITER}", line("m", n="x", v=1), b"\nbad\n", b'\n{"k'
    data = good + bad + torn
    assert ask("PUT", path, data, **{"from": "0.0", "to": f"0.{len(data)}", "torn": len(torn)})[0] == 200
    status, answer, _ = ask("PUT", path, b"\nhuge", **{"from": f"0.{len(data)}", "to": "0.90000000", "reason": "too large"})
    assert (status, answer["offset"]) == (200, 90_000_000)
    with reading.Reader(server.home / "outrider.db") as store:
        found = [(item.offset, item.reason.split(":")[0]) for item in store.set_aside(run)]
    assert found == [(len(good) + 1, "not JSON"), (len(good + bad), "torn"), (len(data), "too large")]
    assert values(server, run) == [1]


def test_a_gap_stands_for_lines_that_were_skipped(server, ask, run):
    """Law 4: the cursor jumps, and the run says so."""
    gap = line("gap", n=1204, bytes=99_000, why="too far behind")
    status, answer, _ = ask("PUT", f"/streams/{run}/{WRITER}", gap, **{"from": "0.0", "to": "3.0", "gap": 1})
    assert (status, answer) == (200, {"segment": 3, "offset": 0})
    with reading.Reader(server.home / "outrider.db") as store:
        assert [(gap.records, gap.bytes, gap.why) for gap in store.gaps(run)] == [(1204, 99_000, "too far behind")]


@pytest.mark.parametrize(
    ("body", "query", "status"),
    [
        (b"\n{}\n", {}, 400),
        (b"\n{}\n", {"from": "0", "to": "0.4"}, 400),
        (b"\n{}\n", {"from": "0.4", "to": "0.4"}, 400),
        (b"\n{}\n", {"from": "0.0", "to": "0.5"}, 400),
        (b"\n{}", {"from": "0.0", "to": "0.3"}, 400),
        (b"\n{}\n", {"from": "0.0", "to": "0.4", "torn": "-1"}, 400),
        (b"\n{}\n", {"from": "0.0", "to": "0.4", "torn": "9"}, 400),
        (b"\n" * 200_000, {"from": "0.0", "to": "0.200000"}, 413),
        (b"\n", {"from": "0.0", "to": "0.99999999999"}, 413),
    ],
    ids=[
        "no place",
        "no offset",
        "nothing",
        "too short",
        "no whole line",
        "torn is no number",
        "torn is more",
        "too large",
        "announced too large",
    ],
)
def test_what_is_no_slice_is_refused_and_nothing_of_it_kept(ask, run, body, query, status):
    """One sentence, and the stream stands where it stood."""
    found, answer, _ = ask("PUT", f"/streams/{run}/{WRITER}", body, **query)
    assert found == status
    assert answer["error"].endswith((".", "4096."))
    assert ask("GET", f"/streams/{run}/{WRITER}")[1]["offset"] == 0


@pytest.mark.parametrize("name", ["..", "%2e%2e", ".hidden", "a/../b", "x" * 257, "a%00b"])
def test_a_name_that_would_be_no_folder_is_refused(ask, name):
    """Names become folders elsewhere; here they would become rows."""
    assert ask.raw("PUT", f"/api/v1/streams/{name}/py-1?from=0.0&to=0.4", b"\n{}\n")[0] in (400, 404)


def test_a_body_may_come_as_gzip_and_holds_no_more_than_was_announced(ask, run):
    """A bomb unpacks to what was announced, and then it is refused."""
    path, data = f"/api/v1/streams/{run}/{WRITER}?from=0.0&to=0.", line("m", n="x", v=1) * 100
    for body, announced in ((gzip.compress(bytes(50 << 20)), 90_000), (b"no gzip", 90_000), (gzip.compress(data)[:-4], len(data))):
        status, answer, _ = ask.raw("PUT", f"{path}{announced}", body, Content_Encoding="gzip")
        assert (status, b"gzip" in answer) == (400, True)
    assert ask.raw("PUT", f"{path}{len(data)}", zlib.compress(data), Content_Encoding="br")[0] == 400
    assert ask.raw("PUT", f"{path}{len(data)}", gzip.compress(data), Content_Encoding="gzip")[0] == 200


def test_a_slow_client_is_given_up_and_stops_nobody(server, ask, run):
    """A body has its time; meanwhile others are served."""
    slow = []
    for _ in range(20):
        one = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        head = f"PUT /api/v1/streams/{run}/slow?from=0.0&to=0.50000 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ask.token}\r\n"
        one.sendall(f"{head}Content-Length: 50000\r\n\r\nx".encode())
        slow.append(one)
    data = line("m", n="x", v=1)
    assert ask("PUT", f"/streams/{run}/{WRITER}", data, **{"from": "0.0", "to": f"0.{len(data)}"})[0] == 200
    for one in slow:
        with one:
            assert one.recv(12) == b"HTTP/1.1 408"


def test_without_a_token_that_holds_nothing_is_taken_or_told(server, ask, run):
    """Loopback is everybody's, too: unknown, wrong, expired, revoked, made for something else."""
    store = server.home / "outrider.db"
    expired = tokens.create(store, "expired", expires=1)
    revoked = tokens.create(store, "revoked")
    tokens.revoke(store, "revoked")
    path, data = f"/streams/{run}/{WRITER}", line("m", n="x", v=1)
    for token in ("", "otr_wrong", expired, revoked, "\xff"):
        for method, where in (("PUT", path), ("GET", path), ("GET", f"/blobs/{'0' * 64}"), ("GET", "/runs"), ("GET", "/server")):
            status, answer, headers = ask(method, where, data if method == "PUT" else None, token=token)
            assert (status, "token" in answer["error"], headers["WWW-Authenticate"]) == (401, True, "Bearer")
    people = tokens.create(store, "people", scope="read")
    machines = tokens.create(store, "machines", scope="ship")
    until(lambda: ask("GET", "/runs", token=people)[0] == 200, message="a new token is not known")
    assert ask("GET", path, token=machines)[0] == 200
    assert [ask("GET", path, token=people)[0], ask("GET", "/runs", token=machines)[0]] == [403, 403]
    tokens.revoke(store, "machines")
    until(lambda: ask("GET", path, token=machines)[0] == 401, message="a token that was revoked still opens")
    assert ask("GET", path)[1]["offset"] == 0


def test_a_token_is_kept_nowhere(server, ask):
    """Only its hash is in the store; nothing of it is in what the server says."""
    content = b"".join(path.read_bytes() for path in server.home.glob("outrider.db*"))
    assert ask.token.encode() not in content
    assert hashlib.sha256(ask.token.encode()).hexdigest().encode() in content
    assert ask.token not in server.said()


def upload(ask, sha, data, offset, size, **headers):
    given = {"X_Outrider_Sha256": hashlib.sha256(data).hexdigest(), **headers}
    status, answer, _ = ask.raw("PUT", f"/api/v1/blobs/{sha}?offset={offset}&size={size}", data, **given)
    return status, json.loads(answer)


def test_a_blob_comes_in_parts_and_is_there_when_it_is_whole(server, ask):
    """Each part says where the next begins; what is there already is not sent again."""
    data = os.urandom(150_000)
    sha, half = hashlib.sha256(data).hexdigest(), 75_000
    assert ask("GET", f"/blobs/{sha}")[:2] == (200, {"offset": 0, "whole": False})
    assert upload(ask, sha, data[:half], 0, len(data)) == (200, {"offset": half, "whole": False})
    assert upload(ask, sha, data[:half], 0, len(data)) == (200, {"offset": half, "whole": False})
    assert upload(ask, sha, data[half:], half + 1, len(data)) == (409, {"offset": half, "whole": False})
    assert ask("POST", "/blobs", json.dumps({"sha256": [sha]}))[1] == {"whole": [False]}
    assert upload(ask, sha, data[half:], half, len(data)) == (200, {"offset": 0, "whole": True})
    assert upload(ask, sha, data[half:], half, len(data)) == (200, {"offset": 0, "whole": True})
    assert (server.home / "blobs" / sha[:2] / sha).read_bytes() == data
    assert not list((server.home / "blobs" / "parts").iterdir())
    assert ask("POST", "/blobs", json.dumps({"sha256": [sha, "0" * 64]}))[1] == {"whole": [True, False]}


def test_a_part_that_was_damaged_and_a_whole_that_is_something_else_are_not_kept(server, ask):
    """A blob is what its name says, or it is not there."""
    data = os.urandom(1000)
    sha = hashlib.sha256(data).hexdigest()
    assert upload(ask, sha, data, 0, 1000, X_Outrider_Sha256="0" * 64)[0] == 400
    assert upload(ask, sha, data[:500], 0, 400)[0] == 422
    assert upload(ask, sha, bytes(1000), 0, 1000)[0] == 422
    assert ask("GET", f"/blobs/{sha}")[1] == {"offset": 0, "whole": False}
    assert upload(ask, "../../etc/passwd", data, 0, 1000)[0] == 404
    assert upload(ask, sha.upper(), data, 0, 1000)[0] == 404
    assert upload(ask, sha, b"", 0, 10**17)[0] == 200
    assert upload(ask, hashlib.sha256(b"").hexdigest(), b"", 0, 0) == (200, {"offset": 0, "whole": True})
    assert upload(ask, sha, data, 0, 1000) == (200, {"offset": 0, "whole": True})


def test_a_server_that_is_killed_goes_on_with_the_part_that_it_has(tmp_path):
    """The part is read again, and the whole has its hash."""
    data = os.urandom(200_000)
    sha = hashlib.sha256(data).hexdigest()
    with servers.serving(tmp_path / "central") as server:
        ask = Asked(server)
        assert upload(ask, sha, data[:120_000], 0, len(data))[0] == 200
        server.kill()
        server.start().wait_ready()
        assert ask("GET", f"/blobs/{sha}")[1] == {"offset": 120_000, "whole": False}
        assert upload(ask, sha, data[120_000:], 120_000, len(data)) == (200, {"offset": 0, "whole": True})
        assert (server.home / "blobs" / sha[:2] / sha).read_bytes() == data
