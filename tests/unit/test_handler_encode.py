"""The encoder is total: whatever comes, a line comes out that any JSON reader takes, and what JSON can say comes back as it was."""

from __future__ import annotations

import json
import logging
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outrider import _encode, _records, _values, spool

anything = st.text(st.characters()) | st.text(st.sampled_from('a\0\n"\\\u2028\ud800\udfff\U0001f600'))  # st.characters() has surrogates
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | anything
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(anything, inner, max_size=4), max_leaves=20)


class Hostile:
    """An object that does what it can to be a bad guest."""

    @property
    def __class__(self):
        raise RuntimeError("no class")

    @property
    def ndim(self):
        raise RuntimeError("no ndim")

    def __repr__(self):
        raise ValueError("no repr")

    def __str__(self):
        raise ValueError("no str")

    def item(self):
        raise KeyError("no item")


def merged(value):
    """JSON cannot tell a pair of surrogates from the character that the pair means: such a pair comes back as the character."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    if isinstance(value, list):
        return [merged(item) for item in value]
    return {merged(key): merged(item) for key, item in value.items()} if isinstance(value, dict) else value


def parsed(data):
    assert data[:1] == data[-1:] == b"\n"
    assert data.isascii()
    assert data.count(b"\n") == 2
    return json.loads(data, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


def record(msg="m", args=(), extra=None, exc_info=None, **attributes):
    made = logging.getLogger("t").makeRecord("t", 20, "/f.py", 7, msg, args, exc_info, "fn", extra)
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


@given(trees)
def test_what_json_can_say_comes_back_as_it_was(tree):
    """Any nesting of texts (lone surrogates, NUL), numbers and containers round-trips through a line."""
    assert parsed(spool.line({"k": "x", "v": tree})) == {"k": "x", "v": merged(tree)}


@given(st.floats())
def test_any_float_comes_back_bit_by_bit(value):
    """A metric value keeps every float: the three that JSON lacks have names."""
    back = _values.number(json.loads(_values.text(value)))
    assert math.isnan(back) if math.isnan(value) else (back == value and math.copysign(1, back) == math.copysign(1, value))


@given(anything | st.sampled_from(["NaN", "Infinity", "-Infinity"]))
def test_a_text_that_is_spelled_like_a_float_stays_a_text(value):
    """`["NaN"]` is the text, `"NaN"` the float."""
    assert _values.number(json.loads(_values.text(value))) == merged(value)


@given(anything, trees)
@settings(max_examples=200)
def test_any_record_is_a_line(message, tree):
    """Whatever message and extra fields a record has, its line parses and the message is there."""
    line = parsed(_records.whole(record(message, extra={"tree": tree, "metrics": tree, "step": tree}), "handler"))
    assert line["msg"] == merged(message)
    assert line["x"]["tree"] == merged(tree)


ODD = {
    "hostile": Hostile,
    "hostile inside": lambda: {Hostile(): Hostile()},
    "object": object,
    "set": lambda: {1, 2},
    "bytes": lambda: b"\xff",
    "huge int": lambda: -(10**5000),
    "complex": lambda: complex(1, 2),
    "class": lambda: type,
    "nan inside": lambda: [float("nan")],
    "range": lambda: range(3),
}


@pytest.mark.parametrize("kind", ODD)
def test_an_object_that_json_lacks_becomes_a_text(kind):
    """Objects whose repr, str or class raise, ints without a decimal text, sets, bytes: a line all the same."""
    value = ODD[kind]()
    assert "v" in parsed(spool.line({"v": value}))
    assert parsed(_records.whole(record("hello", extra={"thing": value, "metrics": {"a": 1, "b": value}}), "handler"))["m"]["a"] == 1


def test_recursive_and_exploding_structures_are_cut():
    """A list within itself, a thousand levels, and 2**40 references to one list end."""
    own = []
    own.append(own)
    deep = [1]
    for _ in range(1000):
        deep = [deep]
    wide = [0]
    for _ in range(40):
        wide = [wide, wide]
    assert "cut" in json.dumps(parsed(_records.whole(record(extra={"own": own, "deep": deep, "wide": wide}), "handler"))["x"])
    assert "cut" in json.dumps(parsed(spool.line({"own": own})))


def test_a_message_of_100_mb_keeps_its_head_and_says_so():
    """At most 1 MiB of a message is kept, with the reason in `bad`."""
    line = parsed(_records.whole(record("é" * 100_000_000), "handler"))
    assert line["msg"] == "é" * _encode.MAX_TEXT
    assert "100000000 characters" in line["bad"]


def test_extra_fields_of_many_mb_are_cut():
    """They do not make a line of any size."""
    data = _records.whole(record(extra={"a": "x" * 5_000_000, "b": 1}), "handler")
    assert len(data) < 2 * _encode.MAX_TEXT
    assert parsed(data)["x"]["b"] == 1
    assert "cut" in parsed(data)["bad"]


def test_arguments_that_do_not_fit_make_a_degraded_record():
    """The text and the arguments are kept, the reason is in `bad`; nothing is raised or printed."""
    line = parsed(_records.whole(record("%d items in %s", ("many",)), "handler"))
    assert "%d items in %s ('many',)" in line["msg"]
    assert "TypeError" in line["bad"]


def test_points_of_a_record_and_what_is_no_point():
    """Scalars make points at the step; a wrong type stays an extra field, and `bad` names it."""
    np = pytest.importorskip("numpy")
    metrics = {
        "loss": np.float32(0.5),
        "n": np.int64(3),
        "ok": np.bool_(True),
        "nan": np.float64("nan"),
        "zero_d": np.array(2.0),
        "bad": [1],
    }
    line = parsed(_records.whole(record(extra={"metrics": metrics, "step": np.int64(7), "host": "a"}), "handler"))
    assert line["m"] == {"loss": 0.5, "n": 3, "ok": True, "nan": "NaN", "zero_d": 2.0}
    assert line["s"] == 7
    assert line["x"] == {"host": "a", "metrics": {"bad": [1]}}
    assert "bad" in line["bad"]


@pytest.mark.parametrize("metrics", [3, None, "loss", [("a", 1)]])
def test_metrics_that_are_no_dict_stay_an_extra_field(metrics):
    """Nothing is raised from a record."""
    line = parsed(_records.whole(record(extra={"metrics": metrics, "step": 1}), "handler"))
    assert line["x"]["metrics"] == (metrics if not isinstance(metrics, list) else [["a", 1]])
    assert "m" not in line
    assert "dict" in line["bad"]


def test_a_step_without_metrics_is_an_extra_field():
    """`step` means something only beside `metrics`."""
    assert parsed(_records.whole(record(extra={"step": 3}), "handler"))["x"] == {"step": 3}


def test_an_exception_is_kept_with_its_traceback():
    """Also one whose text raises."""

    class AwkwardError(Exception):
        def __str__(self):
            raise RuntimeError

    for error in (ValueError("wrong"), AwkwardError()):
        with pytest.raises(type(error)) as caught:
            raise error
        line = parsed(_records.whole(record(exc_info=(caught.type, caught.value, caught.tb)), "handler"))
        assert line["exc"]["type"].endswith(type(error).__name__)
    assert "test_an_exception_is_kept" in line["exc"]["traceback"]


@pytest.mark.parametrize("value", [[1], (1,), {"a": 1}, object(), {1}, range(3), complex(1, 1)])
def test_a_metric_of_a_wrong_type_is_refused_with_what_to_do(value):
    """The explicit API raises TypeError."""
    with pytest.raises(TypeError, match="must be a number, text or bool"):
        _values.text(value)


@pytest.mark.parametrize(
    "name", ["created", "levelno", "lineno", "name", "levelname", "msg", "threadName", "args", "exc_info", "stack_info"]
)
def test_a_record_made_by_hand_is_kept(name):
    """logging lets anybody make any record."""
    for value in ("x", None, 3, Hostile()):
        made = record()
        setattr(made, name, value)
        assert parsed(_records.whole(made, "handler"))["k"] == "l"


printed = st.lists(st.sampled_from([b"loss 0.5", b"\n", b"\r\n", b"\t", b"\x1b[31m", b'"', b"\\", b"\\n", b"\x7f", b" "])).map(b"".join)


@given(printed | st.binary())
@settings(max_examples=500)
def test_plain_text_is_quoted_the_quick_way_as_the_other(data):
    """What programs print most, and nothing that it does not know."""
    found = _encode.quote_plain(data)
    if found:
        assert json.loads(found) == data.decode("ascii")
        assert found.isascii()
        assert not any(code < 32 for code in found)
    else:
        assert not data.isascii() or any(code < 32 and code not in b"\t\n\r\x1b" for code in data)
