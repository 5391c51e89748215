"""
What has gone from libraries comes back on request, and only then; an error about it is known as such. Against the real libraries.

The rule: whatever the tables name, and the installed library lacks, raises an error that `_rot.hint` reads; with OUTRIDER_LEGACY=1 it
is there.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from outrider import _rot

NAMED = {"numpy", "scipy", "sklearn", "pandas", "matplotlib", "PIL", "jinja2", "markupsafe"}
LIBRARIES = {name for name in NAMED if importlib.util.find_spec(name)}
LIBRARIES |= {"collections", "time", "fractions", "asyncio", "base64", "inspect", "threading"}

EACH = """
import importlib, json, sys
found = []
for kind, of, name in json.loads(sys.argv[1]):
    try:
        if kind == "module":
            importlib.import_module(name)
        else:
            module = importlib.import_module(of)
            getattr(module, name)
        found.append(None)
    except Exception as error:
        found.append([type(error).__name__, str(error)])
print(json.dumps(found))
"""


def python(code, *arguments, legacy, home):
    """What it prints, under `outrider run`; raises CalledProcessError."""
    environ = {**os.environ, "OUTRIDER_HOME": str(home), "OUTRIDER_LEGACY": "1" if legacy else "0", "PYTHONWARNINGS": "ignore"}
    run = [sys.executable, "-m", "outrider", "run", "--no-agent", "--", sys.executable, "-c", code, *arguments]
    return subprocess.run(run, env=environ, capture_output=True, text=True, check=True, timeout=120).stdout


def named():
    """(kind, module, name) of everything in the tables that is about an installed library."""
    modules = [("module", "", name) for name, real in _rot.MODULES.items() if name.split(".")[0] in LIBRARIES and real != "six"]
    names = [("name", of, name) for of, gone in _rot.ATTRIBUTES.items() if of.split(".")[0] in LIBRARIES for name in gone]
    return modules + names


def test_what_is_missing_is_an_error_that_is_known_and_comes_back_on_request(tmp_path):
    """Of every name in the tables."""
    asked = json.dumps(named())
    bare = json.loads(python(EACH, asked, legacy=False, home=tmp_path))
    missing = [(one, error) for one, error in zip(named(), bare, strict=True) if error is not None]
    assert len(missing) > 60
    for one, (kind, message) in missing:
        assert _rot.hint(kind, message), (one, kind, message)
    mended = json.loads(python(EACH, asked, legacy=True, home=tmp_path))
    left = [(one, error) for one, error in zip(named(), mended, strict=True) if error is not None]
    assert [one for one, _ in left if one[1:] not in GONE_FOR_GOOD] == []


#: Of newer versions than the tables were made for: what they lead to is gone too. None today.
GONE_FOR_GOOD: list[tuple[str, str]] = []

SCRIPTS = {
    "numpy's names of Python's types": ("import numpy as np; print(np.float(3), np.int(2), np.bool(1) == True, np.Inf)", "3.0 2 True inf"),
    "joblib of sklearn": ("from sklearn.externals import joblib; print(joblib.__name__)", "joblib"),
    "cross_validation": ("from sklearn.cross_validation import train_test_split; print(train_test_split([1, 2])[0] != [])", "True"),
    "abstract classes": ("from collections import Mapping, Iterable; print(isinstance({}, Mapping))", "True"),
    "the clock": ("import time; print(time.clock() >= 0)", "True"),
    "argspec": ("import inspect; print(inspect.getargspec(lambda a, b=1, *c: 0).args)", "['a', 'b']"),
    "OneHotEncoder(sparse=)": (
        (
            "from sklearn.preprocessing import OneHotEncoder as E; e = E(sparse=False).fit([['a'], ['b']]);"
            "print(e.transform([['a']]).tolist(), list(e.get_feature_names()))"
        ),
        "[[1.0, 0.0]] ['x0_a', 'x0_b']",
    ),
    "root mean squared error": (
        "from sklearn.metrics import mean_squared_error as m; print(m([0, 0], [3, 3]), m([0, 0], [3, 3], squared=False))",
        "9.0 3.0",
    ),
    "criterion='mse'": (
        "from sklearn.tree import DecisionTreeRegressor as T; print(T(criterion='mse').fit([[1], [2]], [1, 2]).predict([[2]]))",
        "[2.]",
    ),
    "max_features='auto'": (
        "from sklearn.ensemble import RandomForestClassifier as F; print(F(3, max_features='auto').fit([[1], [2]], [0, 1]).max_features)",
        "sqrt",
    ),
    "penalty='none'": (
        "from sklearn.linear_model import LogisticRegression as L; print(L(penalty='none').fit([[1], [2]], [0, 1]).penalty)",
        "None",
    ),
    "Imputer": (
        "from sklearn.preprocessing import Imputer; print(Imputer().fit_transform([[1.0], [float('nan')]]).tolist())",
        "[[1.0], [1.0]]",
    ),
    "simps": ("from scipy.integrate import simps; print(simps([1, 1, 1]))", "2.0"),
    "a stump of AdaBoost": (
        (
            "from sklearn.ensemble import AdaBoostClassifier as A; from sklearn.tree import DecisionTreeClassifier as T;"
            "from sklearn.base import clone;"
            "print(clone(A(base_estimator=T(presort=False, max_depth=1))).fit([[1], [2]], [0, 1]).estimator.max_depth)"
        ),
        "1",
    ),
    "GridSearchCV(iid=)": (
        (
            "from sklearn.model_selection import GridSearchCV as G; from sklearn.cluster import KMeans as K;"
            " print(G(K(n_jobs=2), {}, iid=False).refit)"
        ),
        "True",
    ),
    "load_boston can be imported": (
        "from sklearn.datasets import load_boston, load_iris\ntry: load_boston()\nexcept ImportError as e: print('removed' in str(e))",
        "True",
    ),
    "pkg_resources": (
        (
            "import pkg_resources as p, numpy; print(p.get_distribution('numpy>1').version == numpy.__version__,"
            "'numpy' in {one.key for one in p.working_set}, p.parse_version('1.10') > p.parse_version('1.9'))"
        ),
        "True True True",
    ),
    "isAlive": ("import threading; print(threading.current_thread().isAlive())", "True"),
}


#: Each prints the same two numbers.
OF_PANDAS = {
    "append of a table": "d = pd.DataFrame({'a': [1]}); print(d.append(pd.DataFrame({'a': [2]})).a.tolist())",
    "append of a row": "d = pd.DataFrame({'a': [1]}); print(d.append({'a': 2}, ignore_index=True).a.tolist())",
    "append of several": "d = pd.DataFrame({'a': [1]}); print(d.append([{'a': 2}], ignore_index=True).a.tolist())",
    "append of a Series to a table": "d = pd.DataFrame({'a': [1]}); print(d.append(pd.Series({'a': 2}, name=1)).a.tolist())",
    "no limit of width": "pd.set_option('display.max_colwidth', -1); print([1, 2] if pd.get_option('max_colwidth') is None else '')",
    "append of a Series": "print(pd.Series([1]).append(pd.Series([2])).tolist())",
    "iteritems": "print([value for _, value in pd.Series([1, 2]).iteritems()])",
    "as_matrix": "print(pd.DataFrame({'a': [1, 2]}).as_matrix()[:, 0].tolist())",
    "pd.np": "print(pd.np.arange(1, 3).tolist())",
    "the type of text": (
        "d = pd.DataFrame({'a': ['x'], 'b': [1]}); print([1, 2] if [c for c in d if d[c].dtype == object] == ['a'] else '')"
    ),
    "numpy knows the type of text": (
        "import numpy as np; print([1, 2] if np.issubdtype(pd.Series(['x']).dtype, np.number) is False else '')"
    ),
    "what is missing is text as text": "print([1, 2] if pd.Series(['x', None]).astype(str).tolist()[1] in ('None', 'nan') else '')",
    "a column is filled in its table": (
        "d = pd.DataFrame({'a': [1.0, None]}); d['a'].fillna(2, inplace=True); print(d.a.astype(int).tolist())"
    ),
    "a value of a column": "d = pd.DataFrame({'a': [1, 1]}); d.a[1] = 2; d['b'] = 0; print(d.a.tolist())",
    "rows of a column": "d = pd.DataFrame({'a': [1, 0]}); d['a'][d['a'] == 0] = 2; print(d['a'].tolist())",
    "a column of its own": "d = pd.DataFrame({'a': [1, 2]}); s = d['a'].copy(); s[0] = 9; s.clip(0, 1, inplace=True); print(d.a.tolist())",
    "a column that was replaced": "d = pd.DataFrame({'a': [1, 2]}); s = d['a']; d['a'] = [1, 2]; s[0] = 9; print(d.a.tolist())",
    "a column of a type of pandas": (
        "d = pd.DataFrame({'a': pd.array([1, None], dtype='Int64')}); d.a.fillna(2, inplace=True); print([int(v) for v in d.a])"
    ),
    "an axis by position": "d = pd.DataFrame({'a': [1, 2], 'b': 0}); print(d.drop('b', 1).a.tolist())",
    "tables in a row": "d = pd.DataFrame({'a': [1]}); print(pd.concat([d, d + 1], 0).a.tolist())",
    "filled forward": "print(pd.Series([1, 2, None]).fillna(method='ffill').astype(int).tolist()[:2])",
    "filled by position": "print(pd.DataFrame({'a': [1, None]}).fillna(2, None, 0).a.astype(int).tolist())",
    "correlations of numbers": "d = pd.DataFrame({'a': ['x', 'y'], 'b': [1, 2]}); print(d.b.tolist() if list(d.corr()) == ['b'] else '')",
    "means of numbers": "d = pd.DataFrame({'a': ['x', 'y'], 'b': [1, 3]}); print([1, int(d.mean().b)])",
    "means of groups": "d = pd.DataFrame({'g': [0, 1], 'a': ['x', 'y'], 'b': [1, 2]}); print(d.groupby('g').mean().b.astype(int).tolist())",
    "only numbers, as it was asked": "print(pd.DataFrame({'a': [1, 2]}).sum(axis=1, numeric_only=None).tolist())",
    "bad lines": "import io; print(pd.read_csv(io.StringIO('a\\n1\\n2\\n3,4'), error_bad_lines=False, warn_bad_lines=False).a.tolist())",
    "a table of one column": "import io; print(pd.read_csv(io.StringIO('a\\n1\\n2'), squeeze=True).tolist())",
    "blanks between columns": "import io; print(pd.read_csv(io.StringIO('a b\\n1  2'), delim_whitespace=True).iloc[0].tolist())",
    "records": "print([r['a'] for r in pd.DataFrame({'a': [1, 2]}).to_dict('record')])",
    "patterns in text": "print([int(v) for v in pd.Series(['x1', 'y2']).str.replace('[a-z]', '')])",
    "a point is a point": "print([len(v) for v in pd.Series(['a.', 'b.c']).str.replace('.', '')])",
    "parts of text": "print([len(p) for p in pd.Series(['a', 'a b c']).str.split(' ', 1)])",
    "no errors": "print([1, 2] if pd.to_numeric('x', errors='ignore') == 'x' else '')",
    "a pivot by position": "d = pd.DataFrame({'r': [0, 0], 'c': [0, 1], 'v': [1, 2]}); print(d.pivot('r', 'c', 'v').iloc[0].tolist())",
    "hours and months": "print([len(pd.date_range('2020', periods=1, freq='H')), len(pd.date_range('2020', periods=2, freq='2M'))])",
    "resampled": "s = pd.Series([1, 2], pd.date_range('2020', periods=2, freq='D')); print(s.resample('12H').sum().iloc[::2].tolist())",
    "every value": "print(pd.DataFrame({'a': [0, 1]}).applymap(lambda v: v + 1).a.tolist())",
    "json_normalize": "from pandas.io.json import json_normalize as j; print(j([{'a': 1}, {'a': 2}]).a.tolist())",
}


#: Each prints `ok`; drawn on nothing.
OF_MATPLOTLIB = {
    "the seaborn styles": "import matplotlib.pyplot as p; p.style.use('seaborn-whitegrid'); p.style.use(['seaborn']); print('ok')",
    "get_cmap": "import matplotlib.cm as cm; print('ok' if cm.get_cmap('viridis').name == 'viridis' else '')",
    "plots of sklearn": (
        "from sklearn.metrics import plot_roc_curve as p; from sklearn.linear_model import LogisticRegression as L;"
        "m = L().fit([[0], [1]], [0, 1]); print('ok' if p(m, [[0], [1]], [0, 1]).roc_auc == 1 else '')"
    ),
}


ALL = {
    **SCRIPTS,
    **{name: ("import pandas as pd; " + code, "[1, 2]") for name, code in OF_PANDAS.items() if "pandas" in LIBRARIES},
    **{
        name: ("import matplotlib; matplotlib.use('Agg'); " + code, "ok")
        for name, code in OF_MATPLOTLIB.items()
        if "matplotlib" in LIBRARIES
    },
}

TOGETHER = """
import contextlib, io, json, sys, traceback
found = []
for code in json.loads(sys.argv[1]):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try: exec(code, {"__name__": "__main__"})
        except Exception: out.write(traceback.format_exc())
    found.append(out.getvalue().strip())
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What each script prints, mended; in one process, for the libraries take long to import."""
    codes = json.dumps([code for code, _ in ALL.values()])
    return dict(zip(ALL, json.loads(python(TOGETHER, codes, legacy=True, home=tmp_path_factory.mktemp("home"))), strict=True))


@pytest.mark.parametrize("name", ALL)
def test_mended_names_do_what_they_did(printed, name):
    """In a script that asks for it."""
    assert printed[name] == ALL[name][1]


def test_without_a_request_nothing_is_mended(tmp_path):
    """Law 1: a script fails as it would fail without us."""
    with pytest.raises(subprocess.CalledProcessError) as caught:
        python("import numpy as np; np.float", legacy=False, home=tmp_path)
    assert caught.value.returncode == 1


@pytest.mark.parametrize(("setting", "printed"), [("1", "True"), ("0", "False")])
def test_a_process_that_only_imports_outrider_is_mended_too(setting, printed):
    """A notebook's kernel: nothing stands between it and us."""
    environ = {**os.environ, "OUTRIDER_LEGACY": setting}
    code = "import outrider, collections; print(hasattr(collections, 'Mapping'))"
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == printed


def test_what_is_there_is_left_alone(tmp_path):
    """numpy 2 has a `bool` and a `long` of its own again."""
    code = "import numpy as np; print(np.bool is np.bool_, np.load.__module__)"
    assert python(code, legacy=True, home=tmp_path) == python(code, legacy=False, home=tmp_path)


def test_a_mended_module_does_not_change_the_one_that_takes_its_place(tmp_path):
    """Its name, its spec and its loader are its own."""
    code = "from sklearn.externals import joblib as j; import joblib; print(j is joblib, j.__spec__.name, type(j.__loader__).__name__)"
    assert python(code, legacy=True, home=tmp_path).strip() == "True joblib SourceFileLoader"


def test_a_library_that_is_not_installed_is_missing_by_its_own_name(tmp_path):
    """And by the name that was asked for."""
    code = "try: import keras.wrappers.scikit_learn\nexcept ModuleNotFoundError as e: print(e)"
    assert python(code, legacy=True, home=tmp_path).strip() == "No module named 'keras'"


NOT_ROT = [
    ("AttributeError", "module 'numpy' has no attribute 'flaot'"),
    ("AttributeError", "'NoneType' object has no attribute 'append'"),
    ("ModuleNotFoundError", "No module named 'mylib'"),
    ("ImportError", "cannot import name 'x' from 'mylib' (/home/me/mylib.py)"),
    ("TypeError", "f() got an unexpected keyword argument 'sparse'"),
    ("ValueError", "it's"),
    ("TypeError", "drop() missing 1 required positional argument: 'labels'"),
    ("TypeError", "split() takes 1 positional argument but 2 were given"),
    ("TypeError", "Mine.fit() got an unexpected keyword argument 'verbose'"),
    ("TypeError", "mine() takes 1 positional argument but 2 were given"),
    ("KeyError", "'float'"),
    ("", ""),
]


@pytest.mark.parametrize(("kind", "message"), NOT_ROT)
def test_other_errors_have_no_hint(kind, message):
    """A hint that is wrong is worse than none."""
    assert _rot.hint(kind, message) is None


ROT = [
    ("ModuleNotFoundError", "No module named 'sklearn.externals.joblib'"),
    ("ImportError", "cannot import name 'joblib' from 'sklearn.externals' (/x/sklearn/externals/__init__.py)"),
    ("AttributeError", "'DataFrame' object has no attribute 'append'"),
    ("TypeError", "OneHotEncoder.__init__() got an unexpected keyword argument 'sparse'"),
    ("TypeError", "got an unexpected keyword argument 'squared'"),
    ("TypeError", "AdaBoostClassifier.__init__() got an unexpected keyword argument 'base_estimator'"),
    ("TypeError", "train() got an unexpected keyword argument 'evals_result'"),
    ("TypeError", "LGBMClassifier.fit() got an unexpected keyword argument 'early_stopping_rounds'"),
    ("TypeError", "DataFrame.drop() takes from 1 to 2 positional arguments but 3 were given"),
    ("TypeError", "NDFrame.fillna() got an unexpected keyword argument 'method'"),
    ("TypeError", "Cannot interpret '<StringDtype(na_value=nan)>' as a data type"),
    ("ModuleNotFoundError", "No module named 'pkg_resources'"),
    ("ImportError", "\n`load_boston` has been removed from scikit-learn since version 1.2."),
    ("ValueError", "Argument(s) not recognized: {'lr': 0.01}"),
    ("AttributeError", "'Sequential' object has no attribute 'predict_classes'"),
    ("TypeError", "load() missing 1 required positional argument: 'Loader'"),
    (
        "sklearn.utils._param_validation.InvalidParameterError",
        "The 'criterion' parameter of X must be a str among {'poisson', 'squared_error'}. Got 'mse' instead.",
    ),
    ("OSError", "'seaborn-whitegrid' is not a valid package style, path of style file, URL of style file"),
]


@pytest.mark.parametrize(("kind", "message"), ROT)
def test_errors_about_what_is_no_more_say_how_it_is_mended(kind, message):
    """As the libraries word them."""
    assert "--legacy" in _rot.hint(kind, message)
