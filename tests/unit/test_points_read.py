"""Points out of a segment's bytes, the quick way and the plain way: any lines give the same, in the same order within a name."""

from __future__ import annotations

import json
import math

from hypothesis import example, given, settings
from hypothesis import strategies as st

from outrider import _metrics, _points

NAMES = ["loss", "acc", "l r", "ü", 'q"', "x"]
VALUES = st.one_of(st.floats(), st.integers(-(10**30), 10**30), st.booleans(), st.none(), st.text(max_size=5), st.just(["NaN"]))


def spelled(value):
    text = json.dumps(value)
    return json.dumps(text) if text in ("Infinity", "-Infinity", "NaN") else text


def line(name, value, step=None, ending="\n"):
    more = "" if step is None else f',"s":{step}'
    return f'\n{{"k":"m","t":1700000000000000000,"n":{json.dumps(name)},"v":{spelled(value)}{more}}}{ending}'.encode()


def plainly(data):
    """Every line parsed as JSON: the values of each name, and the other lines."""
    found, others = {}, []
    for raw in data.split(b"\n"):
        if raw:
            try:
                one = json.loads(raw)
                assert one["k"] == "m"
                found.setdefault(one["n"], []).append(one["v"])
            except (ValueError, AssertionError):
                others.append(raw)
    return found, others


def quickly(data, *, with_times):
    found, others = {}, []
    for kind, times, name, texts in _points.parts(data, with_times=with_times):
        if kind != _points.OTHERS:
            assert kind == _points.POINTS
            assert not with_times or len(times) == len(texts)
            found.setdefault(json.loads(name), []).extend(json.loads(text) for text in texts)
            continue
        for other in texts:
            try:
                one = json.loads(other)
                assert one["k"] == "m"
                found.setdefault(one["n"], []).append(one["v"])
            except (ValueError, AssertionError):
                others.append(other)
    return found, others


CYCLE = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4)
LEFT = st.integers(0, 3)
ODD = st.sampled_from([b"", b'\n{"k":"tag","n":"x"}\n', b"\ntorn", b"\n\n\n", b'\n {"k":"m","t":1,"n":"loss","v":9} \n', b"\n}\n"])


@settings(max_examples=150, deadline=None)
@given(st.tuples(CYCLE, st.integers(0, 40), LEFT), st.lists(st.tuples(st.integers(0, 160), ODD), max_size=3), VALUES, st.booleans())
@example((["loss", "acc"], 30, 1), [(41, b'\n {"k":"m","t":1,"n":"loss","v":9} \n')], 1.5, False)
@example((["loss", "acc", "x"], 30, 0), [(30, b'\n{"k":"tag","n":"x"}\n')], 1.5, False)
def test_the_quick_way_reads_what_json_reads(points, odd, value, with_times):
    """Whatever stands between the points of a cycle, and however it ends."""
    cycle, rounds, left = points
    written = [line(name, value, step) for step in range(rounds) for name in cycle]
    written += [line(name, value) for name in cycle[:left]]
    for place, what in odd:
        written.insert(place, what + (b"\n" if what == b"\ntorn" else b""))
    data = b"".join(written)
    assert quickly(data, with_times=with_times) == plainly(data)


def test_a_million_points_of_a_cycle_take_the_quick_way():
    """Chunks are cut anywhere: what is left of a cycle at an end is not lost."""
    data = b"".join(line(name, step * 0.1, step) for step in range(60_000) for name in ("loss", "acc", "x"))
    found, others = quickly(data, with_times=False)
    assert others == []
    assert found == {name: [step * 0.1 for step in range(60_000)] for name in ("loss", "acc", "x")}


CELLS = st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=1, max_size=3)
LOGGED = st.one_of(
    st.builds(lambda name, value: {"k": "m", "n": name, "v": value}, st.sampled_from(NAMES), VALUES),
    st.builds(lambda name, value: {"k": "m", "n": name, "v": value, "s": 3, "d": 'a "d"'}, st.sampled_from(NAMES), VALUES),
    st.builds(lambda name, values: {"k": "ls", "n": name, "v": values}, st.sampled_from(NAMES), st.lists(VALUES, max_size=3)),
    st.builds(lambda name, cells: {"k": "rw", "n": name, "c": cells}, st.sampled_from(NAMES), CELLS),
    st.builds(lambda name, cells: {"k": "tb", "n": name, "c": {key: [cells[key]] for key in cells}}, st.sampled_from(NAMES), CELLS),
    st.builds(lambda text, cells: {"k": "l", "lv": 20, "msg": text, "m": cells, "s": 1, "x": {"m": 1}}, st.text(max_size=5), CELLS),
    st.builds(lambda text, cells: {"k": "l", "lv": 20, "msg": text, "x": {"m": cells}}, st.text(max_size=5), CELLS),
    st.just({"k": "tag", "n": "x", "v": 1}),
)


def finite(value):
    """As our writers spell it: no bare NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN")
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    return [finite(one) for one in value] if isinstance(value, list) else value


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(LOGGED, st.integers(0, 1)), max_size=30), st.booleans())
def test_whatever_is_logged_reads_the_same_however_it_is_spelled(logged, several):
    """Spelled as our writers do, and with blanks, as JSON may be: one stream's order holds, several are merged by time."""
    quick, plain = [[], []], [[], []]
    for time, (line, stream) in enumerate(logged):
        fields = finite({"k": line["k"], "t": time, **line})
        quick[stream * several].append(json.dumps(fields, separators=(",", ":")).encode())
        plain[stream * several].append(json.dumps(fields).encode())
    shapes = [_metrics.shape(_metrics.from_streams(streams)) for streams in (quick, plain)]
    assert json.dumps(shapes[0], sort_keys=True) == json.dumps(shapes[1], sort_keys=True)  # a NaN is not itself


RECORD = b'{"k":"l","t":1,"lv":20,"lg":"a","msg":"\\"m\\":{\\"x\\":1}","m":{"loss":%d},"s":1}\n'


@given(st.lists(st.sampled_from([b"point", b"record", b"torn", b"blank"]), min_size=1, max_size=9), st.booleans())
def test_lines_of_one_kind_are_read_at_once_and_others_one_by_one(kinds, prefixed):
    """Neither a torn line nor one of another kind is passed over, nor is its end taken for a line."""
    spelled = {
        b"point": lambda place: line(f"n{place % 3}", place)[1:],
        b"record": lambda place: RECORD % place,
        b"torn": lambda place: RECORD[:20] + line("n0", place)[1:],
        b"blank": lambda _: b"\n",
    }
    data = b"".join((b"\n" if prefixed else b"") + spelled[kind](place) for place, kind in enumerate(kinds))
    found = [_metrics.Found(with_times=with_times) for with_times in (False, True)]
    for one in found:
        one.read(data, 0)
    assert _metrics.shape(found[0].payload()) == _metrics.shape(found[1].payload())


def test_an_empty_list_is_no_series_whoever_is_asked():
    """A store has a series without points for it; the spool has none."""
    read = _metrics.Found()
    read.read(b'{"k":"ls","t":1,"n":"E","v":[]}\n', 0)
    stored = {"series": [{"name": "E", "source": "call", "kind": "list", "values": []}], "rows": [], "figures": []}
    assert _metrics.shape(stored) == _metrics.shape(read.payload()) == {}
