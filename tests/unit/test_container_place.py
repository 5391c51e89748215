"""Where a container was read up to: by time stamps of the API, by files and marks; and what a stream tells the next agent of both."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outrider_agent.collect import containerbook, tail
from outrider_agent.core import containers, foreign


class Clock:
    time_ns = staticmethod(time.time_ns)
    monotonic = staticmethod(time.monotonic)


def test_f11_three_messages_of_one_nanosecond():
    """The engine is asked from that time on again: it gives those that were there too."""
    messages = [(1, 5), (1, 7), (1, 7), (1, 7), (2, 7), (1, 9)]
    for cut in range(len(messages)):
        place = containerbook.Place()
        first = [one for one in messages[:cut] if place.is_new(*one)]
        since = place.rewind()
        again = [one for one in messages if one[1] >= since]
        assert first + [one for one in again if place.is_new(*one)] == messages


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.integers(1, 4)), max_size=20), st.lists(st.integers(0, 20), max_size=5))
def test_law_f11_each_message_once_wherever_the_connection_is_cut(steps, cuts):
    """Time never goes back within a stream of the engine's; how many share a stamp does not matter."""
    now, messages = 0, []
    for stream, step in steps:
        now += step // 2
        messages.append((stream, 1 + now, len(messages)))
    place, found = containerbook.Place(), []
    for cut in [*cuts, len(messages)]:
        since = place.rewind()
        found += [one for one in messages[:cut] if one[1] >= since and place.is_new(one[0], one[1])]
    assert sorted(found) == sorted(messages)


def opening(**more):
    return containerbook.Opening(**{"run": "r", "container": "c" * 64, "owner": True, "experiment": "e", "attempt": 1, **more})


def test_a_stream_tells_the_next_agent_where_it_stood(home):
    """The positions that open it, moved on by every line after them."""
    place = containerbook.Place()
    mark = foreign.Mark(foreign.Identity(1, 2, 3), 100, 11, 12, 13, 14)
    place.files = {1: tail.Position("/log", mark), 2: tail.Position("/log.1", mark, drained=True)}
    book = containerbook.Book(str(home), opening(), Clock(), place, started=5)
    book.say_positions()
    book.console(1, 6, b"\xff raw", (1, 180, 80, 99))
    book.console(2, 7, 'text \u2028 \\"at":[1,2,3,4,5,6]}'.encode(), (1, 200, 20, 98))
    book.gap("why", records=1, size=3, at=(1, 210, 10, 97))
    book.close()
    (told,) = containerbook.resumed(str(home)).values()
    assert (told.run, told.owner, told.attempt, told.ended, told.started) == ("r", True, 1, False, 5)
    assert told.place.files[1].mark == mark._replace(offset=210, marker=97, marker_length=10)
    assert told.place.files[2] == tail.Position("/log.1", mark, drained=True)
    assert told.offsets == (5, 29)
    assert place.files == told.place.files, "what is said next is what was said last"


def test_a_new_segment_opens_with_the_positions(home, monkeypatch):
    """So any older one may be deleted."""
    from outrider import spool

    monkeypatch.setenv("OUTRIDER_SEGMENT_BYTES", "4096")
    place = containerbook.Place()
    place.files = {1: tail.Position("/log", foreign.Mark(foreign.Identity(1, 2, 3), 0, 0, 0, 0, 0))}
    book = containerbook.Book(str(home), opening(), Clock(), place, started=5)
    book.say_positions()
    for number in range(200):
        book.console(1, number, b"x" * 100, (1, 100 * (number + 1), 100, number))
        book.keep_up()
    book.close()
    (folder,) = (home / "spool" / "r").iterdir()
    numbers = spool.segments(str(folder))
    assert len(numbers) > 3
    for number in numbers[:-1]:
        (folder / f"{number:08d}.ndjson").unlink()
    (told,) = containerbook.resumed(str(home)).values()
    assert (told.place.files[1].mark.offset, told.offsets) == (20_000, (20_000, 0))


def facts(**more):
    return containers.Facts(**{"id": "f" * 64, "name": "box", "started": 10**18, "running": True, **more})


def test_places_of_a_path():
    """The mount that is nearest, then the container's own files."""
    found = facts(places=(("/work", "/host/work"), ("/work/outputs", "/host/out"), ("/", "/upper")))
    assert containers.places_of(found, "/work/outputs/a") == ["/host/out/a", "/host/work/outputs/a", "/upper/work/outputs/a"]
    assert containers.places_of(found, "/workshop") == ["/upper/workshop"]


def test_overlay_layers_of_an_engine():
    """What a container writes is in its upper layer, which stays when it has ended."""
    document = {"Id": "f" * 64, "Name": "/box", "GraphDriver": {"Name": "overlay2", "Data": {"UpperDir": "/up", "MergedDir": "/merged"}}}
    document["State"] = {"Running": True, "Pid": 42, "StartedAt": "2026-11-22T05:39:45.6Z", "FinishedAt": "0001-01-01T00:00:00Z"}
    found = containers.from_inspect(document)
    assert containers.places_of(found, "/outputs") == ["/up/outputs", "/merged/outputs", "/proc/42/root/outputs"]
    assert (found.running, found.finished, found.code) == (True, None, None)


def test_labels_that_cannot_be():
    """A run id that is none is passed over; outputs have to be absolute."""
    wish = containers.wish(facts(labels={"outrider.run": "../x", "outrider.outputs": "a,/b", "outrider.tags": "x,=y, a = b=c "}))
    assert (wish.run, wish.named, wish.outputs, wish.tags) == ("f" * 12, False, ("/b",), {"x": "", "a": "b=c"})


@pytest.mark.parametrize(("log", "driver"), [("/c/userdata/ctr.log", "k8s-file"), ("/d/abc-json.log", "json-file"), ("", "json-file")])
def test_f18_podman_calls_its_own_files_by_dockers_name(log, driver):
    """Podman 4.3, asked as docker is, says json-file of a k8s-file: each line of it was set aside."""
    document = {"Id": "p" * 64, "State": {"Running": True}, "HostConfig": {"LogConfig": {"Type": "json-file"}}, "LogPath": log}
    assert containers.from_inspect(document).driver == driver


@pytest.mark.parametrize(("size", "most"), [("2kB", 1), ("0B", None), ("", None), (None, None)])
def test_f18_podman_says_of_a_log_with_a_size_that_it_is_one_file(size, most):
    """In a field of its own, which docker has not."""
    log = {"Type": "json-file", "Path": "/c/userdata/ctr.log", "Size": size}
    found = containers.from_inspect({"Id": "p" * 64, "State": {"Running": True}, "HostConfig": {"LogConfig": log}})
    assert (found.driver, found.most_files) == ("k8s-file", most)


def test_f18_podman_leaves_fields_out():
    """What is missing is not known; it is no error."""
    found = containers.from_inspect({"Id": "p" * 64, "State": {"Status": "running", "Running": True}, "Config": None, "Mounts": None})
    assert (found.id, found.labels, found.driver) == ("p" * 64, {}, "json-file")
    assert not found.is_over


TIMES = st.integers(1, 10**15)


@given(TIMES, st.integers(1, 10**12), st.integers(0, 10**9))
def test_law_of_two_starts_lines_are_parted_between_them(ended, pause, late):
    """However late the engine stamps the second start: the moment is after the end of the first, and not after that of the second."""
    again = ended + pause
    running = containers.Facts(id="a", name="a", running=True, started=again + late, finished=ended)
    assert ended <= containers.between(containers.end_before(running, running), running) <= again + late
    over = containers.Facts(id="a", name="a", started=again + late, finished=again)
    assert containers.end_before(over, running) is None
    assert containers.between(None, over) < again


@given(TIMES, st.integers(0, 10**10), st.integers(0, 10**10))
def test_law_a_start_is_a_further_one_by_its_end(ended, late, later):
    """A start that is stamped after its own end is not the next one."""
    same = containers.Facts(id="a", name="a", started=ended + late, finished=ended)
    assert not containers.is_further(same, ended)
    assert containers.is_further(containers.Facts(id="a", name="a", started=ended + 1, finished=ended + 2_000_000 + later), ended)
    assert ended <= containers.known_until(same, ended, ended + later) <= ended + later
