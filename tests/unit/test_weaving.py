"""A log that grows is woven as the whole of it is read: whatever comes late, wherever somebody breaks off and goes on."""

from __future__ import annotations

import base64
import random

import pytest
from cli_home import START, Home

from outrider_agent.cli import journal, weaving
from outrider_agent.store import browsing

FORMATS = ["INFO:train:{}\n", "{}\n", "2026-01-01 10:00:00,123 INFO train {}\n", "x{}\n"]
UP = "\x1b[A"  # bars below one another, as tqdm draws them
BARS = f"\router 1\n\rinner 1{UP}\router 2\n\rinner 2{UP}".encode()
OTHERS = [b"plain\n", BARS, b"\n\nend of bars\n", "späß \U0001f680\n".encode(), b"bar 1\rbar 2\r", b"\xff\xfe\n", b"no end"]


def said(choose, count):
    """Records, their prints in several formats, other lines, cut anywhere, and what is no UTF-8: (records, chunks) as lines of a spool."""
    text, records, chunks, offset = b"", [], [], 0
    for number in range(count):
        at = START + number * 20_000_000
        message = f"said {number}" + ("\nmore" if number % 7 == 3 else "")
        if choose.random() < 0.6:
            records.append({"k": "l", "t": at, "lv": 20, "lg": "train", "msg": message})
            if choose.random() < 0.7:
                text += choose.choice(FORMATS).format(message).encode()
        if choose.random() < 0.6:
            text += choose.choice(OTHERS)
        cut = choose.randint(0, len(text))
        if cut:
            piece = base64.b64encode(text[:cut]).decode()
            chunks.append({"k": "c", "t": at + 5_000_000, "f": 1, "o": offset, "b": piece})
            offset, text = offset + cut, text[cut:]
    return records, chunks


class Shown:
    """What somebody shows who does as a change says."""

    def __init__(self):
        self.entries, self.open = [], []

    def take(self, change):
        away = {*change.gone, *(entry.id for entry in change.back)}
        self.entries = [one for one in self.entries if one.id not in away]
        for entry in change.back:
            place = next((place for place, one in enumerate(self.entries) if one.time > entry.time), len(self.entries))
            self.entries.insert(place, entry)
        if change.first is not None:
            told = {change.first, *(entry.id for entry in change.entries)}
            del self.entries[next((place for place, one in enumerate(self.entries) if one.id in told), len(self.entries)) :]
        self.entries += change.entries
        self.open = change.open


@pytest.mark.parametrize("seed", range(6))
def test_what_is_shown_live_is_what_is_read_at_the_end(home, seed):
    """Law: the order in which the streams are committed, and where a reader goes on from, change nothing of what is told."""
    choose = random.Random(seed)
    made = Home(home)
    records, chunks = said(choose, 60)
    with browsing.Browser(made.path / "outrider.db") as store:
        seen, keys, teller = Shown(), (0, 0), None
        while records or chunks:
            for lines, writer in ((records, "py-1-aaaaaaaa"), (chunks, "keeper-1-bbbbbbbb")):
                count = choose.choice([0, 0, 1, 5])
                made.write("woven", writer, *lines[:count], own=False)
                del lines[:count]
            made.ingest()
            if teller is None or choose.random() < 0.3:
                teller = weaving.Weaving(store, "woven")
                teller.go_on(*keys)
            came = store.since("woven", *keys, {})
            if came.logs or came.console:
                seen.take(teller.add(came.logs, came.console))
                keys = (came.logs[-1].key if came.logs else keys[0], came.console[-1].key if came.console else keys[1])
        whole = journal.tail(store, "woven", 10_000, with_echoes=True)
    assert any(entry.echo is not None for entry in whole)
    assert [(one.id, one.text, one.echo) for one in seen.entries] == [(one.id, one.text, one.echo) for one in whole if one.is_whole]
    assert [one.text for one in seen.open] == [one.text for one in whole if not one.is_whole]


@pytest.mark.parametrize("seed", range(4))
def test_lines_that_are_drawn_over_for_long_are_in_one_place(home, seed):
    """Law: at each moment what is shown live is what somebody sees who opens the page then, however long ago a line was told."""
    choose = random.Random(seed)
    made = Home(home)
    pieces = ["begin\n", "outer 0\n", "said in between\n"]
    pieces += [piece for n in range(8) for piece in (f"\rinner {n}{2 * UP}", f"\router {n}", "\n\n")]
    pieces += ["\nafter all\n", "more\n", f"{2 * UP}\rafter nothing\n\n", "end\n", "end of all\n"]
    made.write("drawn", "keeper-1-bbbbbbbb", own=False)
    made.ingest()
    with browsing.Browser(made.path / "outrider.db") as store:
        seen, keys, at, offset = Shown(), (0, 0), START, 0
        teller = weaving.Weaving(store, "drawn")
        teller.go_on(*keys)
        for piece in pieces:
            at += choose.choice([1, 7, 60]) * 1_000_000_000
            made.write("drawn", "keeper-1-bbbbbbbb", {"k": "c", "t": at, "f": 1, "o": offset, "d": piece}, own=False)
            made.ingest()
            offset += len(piece)
            if choose.random() < 0.2:
                teller = weaving.Weaving(store, "drawn")
                teller.go_on(*keys)
            came = store.since("drawn", *keys, {})
            seen.take(teller.add(came.logs, came.console))
            keys = (keys[0], came.console[-1].key)
            whole = journal.tail(store, "drawn", 10_000, with_echoes=True)
            assert [(one.id, one.text) for one in seen.entries] == [(one.id, one.text) for one in whole if one.is_whole], piece
            assert [one.text for one in seen.open] == [one.text for one in whole if not one.is_whole], piece


def test_a_long_logs_end_is_told_as_within_the_whole(home):
    """However few of its last lines are asked for: a print is not shown beside a record that was cut off."""
    made = Home(home)
    records, chunks = said(random.Random(3), 3000)
    made.write("long", "py-1-aaaaaaaa", *records, own=False)
    made.write("long", "keeper-1-bbbbbbbb", *chunks, own=False)
    made.ingest()
    with browsing.Browser(made.path / "outrider.db") as store:
        told = journal.Journal(store, "long")
        whole = [*told.past(), *told.rest()]
        for count in (1, 50, 200, 1000):
            ending = journal.ending(store, "long", count, with_echoes=True)
            assert not ending.whole
            assert [(one.id, one.echo) for one in ending.entries] == [(one.id, one.echo) for one in whole[-count:]]


def test_the_end_of_a_loud_log_is_found_in_a_few_of_its_chunks(home):
    """A chunk may hold hundreds of lines: no more of them are read than the end needs, or a page of a loud run opens slowly."""
    made = Home(home)
    text = "".join(f"line {number:09d} of a loud run\n" for number in range(2000))
    for number in range(40):
        made.write("loud", "keeper-1-aaaaaaaa", {"k": "c", "t": START + number, "f": 1, "o": number * len(text), "d": text}, own=False)
    made.ingest()
    read = []

    class Counting(browsing.Browser):
        def console(self, *arguments, **more):
            found = super().console(*arguments, **more)
            read.extend(found)
            return found

    with Counting(made.path / "outrider.db") as store:
        found = journal.ending(store, "loud", 400, with_echoes=True)
    assert [one.text for one in found.entries] == text.splitlines()[-400:]
    assert len(read) <= 4


def test_who_follows_is_told_a_record_before_its_own_print(home):
    """Though the print was committed first: what comes is held a moment."""
    made = Home(home)
    made.write("late", "py-1-aaaaaaaa", own=False)
    made.ingest()
    with browsing.Browser(made.path / "outrider.db") as store:
        told = journal.Journal(store, "late")
        assert list(told.past()) == []
        made.write("late", "keeper-1-bbbbbbbb", {"k": "c", "t": START + 1000, "f": 2, "o": 0, "d": "WARNING:root:hot\nmine\n"}, own=False)
        made.ingest()
        assert told.news(10.0) == []
        made.write("late", "py-1-aaaaaaaa", {"k": "l", "t": START, "lv": 30, "msg": "hot"}, own=False)
        made.ingest()
        assert told.news(10.1) == []
        found = told.news(10.1 + journal.HOLD_S)
        assert [(one.stream, one.text, one.echo is None) for one in found] == [
            ("log", "hot", True),
            ("stderr", "WARNING:root:hot", False),
            ("stderr", "mine", True),
        ]
        assert told.news(11.0) == told.rest() == []
