"""What the azureml names make of a value: the table that scripts were written against, row by row, without the original's losses."""

from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pytest

from outrider import _errors
from outrider.azureml import exceptions, values


def told():
    """Collects what is said."""
    found = []
    return found, found.append


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (True, True),
        (3, 3),
        (0.5, 0.5),
        ("text", "text"),
        (None, None),
        (np.int64(7), 7),
        (np.int8(7), 7),
        (np.float16(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("text"), "text"),
        (np.array(0.25), 0.25),
    ],
)
def test_a_scalar_stays_what_it_is(given, kept):
    """The original lost int64 since 1.59; here every scalar of numpy is Python's own."""
    found, say = told()
    result = values.point(given, say)
    assert (result, type(result)) == (kept, type(kept))
    assert found == []


@pytest.mark.parametrize("given", [np.array([1, 2]), (1, 2), {"a": 1}, decimal.Decimal("0.1"), dt.date(2020, 1, 2), {1}])
def test_anything_else_is_kept_as_its_text_and_said(given):
    """Nothing is dropped."""
    found, say = told()
    assert values.point(given, say) == str(given)
    assert len(found) == 1


@pytest.mark.parametrize("given", [[1], [], range(3), (number for number in [1])])
def test_log_refuses_a_list_with_the_words_that_scripts_know(given):
    """`try: run.log … except: run.log_list` is in scripts."""
    with pytest.raises(exceptions.UserErrorException) as caught:
        values.point(given, print)
    assert caught.value.message == "run.log does not support list type. Use run.log_list instead"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([1, 2], [1, 2]),
        ((1, 2.5), [1, 2.5]),
        (range(3), [0, 1, 2]),
        ((number * 2 for number in [1, 2]), [2, 4]),
        (np.array([1, 2], dtype=np.int64), [1, 2]),
        (np.array([0.5, 1.5]), [0.5, 1.5]),
        ([np.int64(1), np.float32(0.5)], [1, 0.5]),
        ("ab", ["a", "b"]),
        ([], []),
        ([None, True], [None, True]),
    ],
)
def test_log_list_takes_whatever_can_be_gone_through(given, kept):
    """A text gives its characters, as it did; an empty list and int64 no longer fail."""
    assert values.elements(given) == kept


@pytest.mark.parametrize("given", [[[1]], np.zeros((2, 2)), [{"a": 1}]])
def test_log_list_refuses_what_is_no_scalar(given):
    """As the original."""
    with pytest.raises(exceptions.AzureMLException, match="is not supported"):
        values.elements(given)


def test_log_row_refuses_a_list_with_the_words_that_scripts_know():
    """As the original; any other value is a cell."""
    with pytest.raises(exceptions.AzureMLException) as caught:
        values.row({"x": [1]}, print)
    assert caught.value.message == "Rows cannot contain list values, column x contains a list."
    assert values.row({"x": np.int64(1), "y": None}, print) == {"x": 1, "y": None}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"x": [1, 2], "y": ["a", None]}, {"x": [1, 2], "y": ["a", None]}),
        ({"x": 1, "y": 2}, {"x": [1], "y": [2]}),
        ({"x": (1, 2), "y": np.array([3, 4])}, {"x": [1, 2], "y": [3, 4]}),
        ({"x": {0: 1, 1: 2}}, {"x": [1, 2]}),
        ({1: [2]}, {"1": [2]}),
        ({}, {}),
    ],
)
def test_log_table_takes_columns(given, kept):
    """Tuples and arrays are columns too; the original failed on them."""
    assert values.table(given, print) == kept


def test_log_table_refuses_columns_of_unequal_length_with_the_words_that_scripts_know():
    """As the original."""
    with pytest.raises(exceptions.AzureMLException) as caught:
        values.table({"x": [1, 2], "y": [1]}, print)
    assert caught.value.message == "Columns must have the same length, column x had length 2, however, column y had length 1."


@pytest.mark.parametrize(("given", "kept"), [("a", "a"), (None, None), (1, "1"), (np.int64(2), "2"), (True, "True")])
def test_a_tag_is_a_text_or_none(given, kept):
    """As the original made it one."""
    assert values.text(given) == kept


def test_an_exception_prints_as_the_original_does():
    """Notebooks show it, and scripts look into it."""
    error = exceptions.UserErrorException("it was wrong", inner_exception=ValueError("why"))
    assert str(error) == (
        "UserErrorException:\n\tMessage: it was wrong\n\tInnerException why\n\tErrorResponse \n"
        '{\n    "error": {\n        "code": "UserError",\n        "message": "it was wrong"\n    }\n}'
    )
    assert error.message == "it was wrong"
    assert isinstance(error, exceptions.AzureMLException)
    assert exceptions.ActivityFailedException('{"code": 1}').message == 'Activity Failed:\n{"code": 1}'


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (_errors.PropertyChanged(), exceptions.ServiceException),
        (_errors.ModelPathNotFound(), exceptions.ModelPathNotFoundException),
        (_errors.ModelNotFound(), exceptions.WebserviceException),
        (_errors.FileNotInRun(), exceptions.UserErrorException),
        (_errors.RunEnded(), exceptions.UserErrorException),
        (ValueError("x"), exceptions.UserErrorException),
        (FileNotFoundError("x"), exceptions.UserErrorException),
    ],
)
def test_outriders_errors_come_as_those_of_azureml(ours, theirs):
    """What a script catches is what it gets, with the cause."""
    with pytest.raises(theirs) as caught, exceptions.translated():
        raise ours
    assert caught.value.inner_exception is ours
