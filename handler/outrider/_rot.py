"""
What has gone from libraries since scripts were written for them, and what does the same today. Tables, and reading an error by them. Pure.

Only what has an equal is here: where the meaning changed (`normalize=True` of linear models, a data set withdrawn) the error stays.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Mapping

_KERAS = ("applications", "callbacks", "datasets", "layers", "losses", "metrics", "models", "optimizers", "preprocessing", "utils")

#: A module that is no more -> the one that has its contents; "": an empty one, for what is below it.
MODULES: Mapping[str, str] = {
    "sklearn.externals.joblib": "joblib",
    "sklearn.externals.six": "six",
    "sklearn.cross_validation": "sklearn.model_selection",
    "sklearn.grid_search": "sklearn.model_selection",
    "sklearn.learning_curve": "sklearn.model_selection",
    "sklearn.datasets.base": "sklearn.datasets",
    "sklearn.datasets.samples_generator": "sklearn.datasets",
    "sklearn.decomposition.pca": "sklearn.decomposition",
    "sklearn.ensemble.bagging": "sklearn.ensemble",
    "sklearn.ensemble.forest": "sklearn.ensemble",
    "sklearn.ensemble.gradient_boosting": "sklearn.ensemble",
    "sklearn.ensemble.weight_boosting": "sklearn.ensemble",
    "sklearn.feature_selection.univariate_selection": "sklearn.feature_selection",
    "sklearn.linear_model.base": "sklearn.linear_model",
    "sklearn.linear_model.coordinate_descent": "sklearn.linear_model",
    "sklearn.linear_model.logistic": "sklearn.linear_model",
    "sklearn.linear_model.ridge": "sklearn.linear_model",
    "sklearn.linear_model.stochastic_gradient": "sklearn.linear_model",
    "sklearn.metrics.classification": "sklearn.metrics",
    "sklearn.metrics.ranking": "sklearn.metrics",
    "sklearn.metrics.regression": "sklearn.metrics",
    "sklearn.metrics.scorer": "sklearn.metrics",
    "sklearn.neighbors.classification": "sklearn.neighbors",
    "sklearn.neighbors.regression": "sklearn.neighbors",
    "sklearn.neural_network.multilayer_perceptron": "sklearn.neural_network",
    "sklearn.preprocessing.data": "sklearn.preprocessing",
    "sklearn.preprocessing.imputation": "sklearn.preprocessing",
    "sklearn.preprocessing.label": "sklearn.preprocessing",
    "sklearn.svm.classes": "sklearn.svm",
    "sklearn.tree.tree": "sklearn.tree",
    "sklearn.utils.testing": "sklearn.utils._testing",
    "pandas.tools.plotting": "pandas.plotting",
    "pandas.util.testing": "pandas.testing",
    "pandas.core.index": "pandas",
    "pandas.io.json.normalize": "pandas",
    "scipy.misc": "",
    "numpy.testing.decorators": "numpy.testing",
    "keras.layers.advanced_activations": "keras.layers",
    "keras.layers.convolutional": "keras.layers",
    "keras.layers.core": "keras.layers",
    "keras.layers.embeddings": "keras.layers",
    "keras.layers.merge": "keras.layers",
    "keras.layers.normalization": "keras.layers",
    "keras.layers.pooling": "keras.layers",
    "keras.layers.recurrent": "keras.layers",
    "keras.engine": "keras",
    "keras.utils.np_utils": "keras.utils",
    "keras.utils.vis_utils": "keras.utils",
    "keras.wrappers.scikit_learn": "scikeras.wrappers",
    "tensorflow.python.keras": "tensorflow.keras",
    **{f"tensorflow.python.keras.{name}": f"keras.{name}" for name in _KERAS},
    "keras.preprocessing.text": "keras.src.legacy.preprocessing.text",
    "distutils": "setuptools._distutils",
    "distutils.util": "setuptools._distutils.util",
    "distutils.version": "setuptools._distutils.version",
    "distutils.dir_util": "setuptools._distutils.dir_util",
    "distutils.spawn": "setuptools._distutils.spawn",
    "xml.etree.cElementTree": "xml.etree.ElementTree",
    "pkg_resources": "outrider._packages",
}

#: What such a module was in: an empty package, where that is no more either.
PACKAGES = frozenset(".".join(name.split(".")[:end]) for name in MODULES for end in range(2, name.count(".") + 1))

_OF_ABC = (
    "Awaitable", "Callable", "Collection", "Container", "Coroutine", "Generator", "Hashable", "ItemsView", "Iterable", "Iterator",
    "KeysView", "Mapping", "MappingView", "MutableMapping", "MutableSequence", "MutableSet", "Reversible", "Sequence", "Set", "Sized",
    "ValuesView",
)  # fmt: skip
_NUMPYS = (
    "arange", "array", "asarray", "concatenate", "cos", "dot", "dstack", "exp", "eye", "hstack", "interp", "isnan", "linspace", "log",
    "log10", "max", "mean", "min", "ones", "pi", "power", "reshape", "shape", "sin", "sqrt", "stack", "sum", "transpose", "unique",
    "vstack", "zeros",
)  # fmt: skip
_WINDOWS = (
    "barthann", "bartlett", "blackman", "blackmanharris", "boxcar", "gaussian", "hamming", "hann", "kaiser", "nuttall", "parzen",
    "triang", "tukey",
)  # fmt: skip

#: A module -> names that are no more -> where the same is: `.name` in the module itself, else a whole path.
ATTRIBUTES: Mapping[str, Mapping[str, str]] = {
    "numpy": {
        "bool": "builtins.bool",
        "int": "builtins.int",
        "float": "builtins.float",
        "complex": "builtins.complex",
        "object": "builtins.object",
        "str": "builtins.str",
        "long": "builtins.int",
        "unicode": "builtins.str",
        "float_": ".float64",
        "complex_": ".complex128",
        "bool8": ".bool_",
        "object0": ".object_",
        "string_": ".bytes_",
        "unicode_": ".str_",
        "Inf": ".inf",
        "Infinity": ".inf",
        "infty": ".inf",
        "PINF": ".inf",
        "NaN": ".nan",
        "NAN": ".nan",
        "alltrue": ".all",
        "sometrue": ".any",
        "product": ".prod",
        "cumproduct": ".cumprod",
        "round_": ".round",
        "row_stack": ".vstack",
        "in1d": ".isin",
        "trapz": ".trapezoid",
        "mat": ".asmatrix",
        "asfarray": ".asarray",
        "typeDict": ".sctypeDict",
    },
    "pandas": {
        "np": "numpy",
        "datetime": "datetime.datetime",
        "Int64Index": ".Index",
        "Float64Index": ".Index",
        "UInt64Index": ".Index",
        "scatter_matrix": "pandas.plotting.scatter_matrix",
    },
    "pandas.io.json": {"json_normalize": "pandas.json_normalize"},
    "sklearn.metrics": {
        "jaccard_similarity_score": ".jaccard_score",
        "calinski_harabaz_score": ".calinski_harabasz_score",
        "plot_confusion_matrix": ".ConfusionMatrixDisplay.from_estimator",
        "plot_roc_curve": ".RocCurveDisplay.from_estimator",
        "plot_precision_recall_curve": ".PrecisionRecallDisplay.from_estimator",
        "plot_det_curve": ".DetCurveDisplay.from_estimator",
    },
    "sklearn.utils": {"safe_indexing": "sklearn.utils._safe_indexing"},
    "scipy": {**{name: f"numpy.{name}" for name in _NUMPYS}, "rand": "numpy.random.rand", "randn": "numpy.random.randn"},
    "scipy.integrate": {"simps": ".simpson", "cumtrapz": ".cumulative_trapezoid", "trapz": ".trapezoid"},
    "scipy.signal": {name: f"scipy.signal.windows.{name}" for name in _WINDOWS},
    "scipy.misc": {"comb": "scipy.special.comb", "factorial": "scipy.special.factorial", "logsumexp": "scipy.special.logsumexp"},
    "matplotlib.cm": {"get_cmap": "matplotlib.pyplot.get_cmap"},
    "PIL.Image": {"ANTIALIAS": ".Resampling.LANCZOS", "LINEAR": ".Resampling.BILINEAR", "CUBIC": ".Resampling.BICUBIC"},
    "keras.preprocessing.image": {"ImageDataGenerator": "keras.src.legacy.preprocessing.image.ImageDataGenerator"},
    "jinja2": {"Markup": "markupsafe.Markup", "escape": "markupsafe.escape"},
    "markupsafe": {"soft_unicode": ".soft_str"},
    "networkx": {"from_numpy_matrix": ".from_numpy_array", "to_numpy_matrix": ".to_numpy_array"},
    "collections": {name: f"collections.abc.{name}" for name in _OF_ABC},
    "time": {"clock": ".perf_counter"},
    "fractions": {"gcd": "math.gcd"},
    "asyncio": {"coroutine": "types.coroutine", "async": ".ensure_future"},
    "base64": {"encodestring": ".encodebytes", "decodestring": ".decodebytes"},
    "inspect": {"getargspec": "outrider._mend.getargspec"},
}

_OF_KERAS = ("fit_generator", "predict_generator", "evaluate_generator", "predict_classes", "predict_proba")

#: A class -> its methods that are no more; `_mend.py` has what does the same.
METHODS: Mapping[str, frozenset[str]] = {
    "DataFrame": frozenset(
        {
            "append",
            "iteritems",
            "as_matrix",
            "get_value",
            "set_value",
            "applymap",
            "pad",
            "backfill",
            "get_values",
            "mad",
            "swapaxes",
            "lookup",
        }
    ),
    "Series": frozenset({"append", "iteritems", "as_matrix", "get_value", "pad", "backfill", "get_values", "mad"}),
    "Sequential": frozenset(_OF_KERAS),
    "Functional": frozenset(_OF_KERAS),
    "OneHotEncoder": frozenset({"get_feature_names"}),
    "ColumnTransformer": frozenset({"get_feature_names"}),
    "CountVectorizer": frozenset({"get_feature_names"}),
    "TfidfVectorizer": frozenset({"get_feature_names"}),
    "PolynomialFeatures": frozenset({"get_feature_names"}),
    "DictVectorizer": frozenset({"get_feature_names"}),
    "Thread": frozenset({"isAlive"}),
}

_BOOSTED = {"base_estimator": "estimator"}
_SORTED = {"presort": ""}
_STEPS = {"n_iter": "max_iter"}
_PASSED_ON = {"fit_params": "params"}

#: A module -> its classes and functions -> arguments that have another name today; "": one that made no difference to the result.
PARAMETERS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "sklearn.cluster": {
        "KMeans": {"n_jobs": "", "precompute_distances": ""},
        "AgglomerativeClustering": {"affinity": "metric"},
        "FeatureAgglomeration": {"affinity": "metric"},
    },
    "sklearn.decomposition": {"LatentDirichletAllocation": {"n_topics": "n_components"}},
    "sklearn.ensemble": {
        "AdaBoostClassifier": _BOOSTED,
        "AdaBoostRegressor": _BOOSTED,
        "BaggingClassifier": _BOOSTED,
        "BaggingRegressor": _BOOSTED,
        "GradientBoostingClassifier": _SORTED,
        "GradientBoostingRegressor": _SORTED,
        "IsolationForest": {"behaviour": ""},
    },
    "sklearn.linear_model": {
        "LinearRegression": {"normalize": ""},
        "LogisticRegression": {"n_iter": "max_iter"},
        "SGDClassifier": _STEPS,
        "SGDRegressor": _STEPS,
        "Perceptron": _STEPS,
    },
    "sklearn.manifold": {"TSNE": {"n_iter": "max_iter"}},
    "sklearn.metrics": {"precision_recall_curve": {"probas_pred": "y_score"}},
    "sklearn.model_selection": {
        "GridSearchCV": {"iid": ""},
        "RandomizedSearchCV": {"iid": ""},
        "cross_val_predict": _PASSED_ON,
        "cross_val_score": _PASSED_ON,
        "cross_validate": _PASSED_ON,
    },
    "sklearn.preprocessing": {"OneHotEncoder": {"sparse": "sparse_output"}},
    "sklearn.tree": {"DecisionTreeClassifier": _SORTED, "DecisionTreeRegressor": _SORTED},
}

_TRAINED = frozenset({"evals_result", "early_stopping_rounds", "verbose_eval"})

#: Arguments of functions and classes that are no more, or have another name: those above, and those that `_mend*.py` know.
ARGUMENTS: Mapping[str, frozenset[str]] = {
    **{name: frozenset(changes) for names in PARAMETERS.values() for name, changes in names.items()},
    "mean_squared_error": frozenset({"squared"}),
    "train": _TRAINED,
    "cv": _TRAINED,
    "fit": frozenset({"early_stopping_rounds", "eval_metric"}),
    "fillna": frozenset({"method"}),
    "read_csv": frozenset(
        {"error_bad_lines", "warn_bad_lines", "squeeze", "delim_whitespace", "infer_datetime_format", "mangle_dupe_cols"}
    ),
    "to_csv": frozenset({"line_terminator"}),
    "to_datetime": frozenset({"infer_datetime_format"}),
    "describe": frozenset({"datetime_is_numeric"}),
    "groupby": frozenset({"squeeze"}),
    "weights": frozenset({"save_format"}),
}

#: Functions and methods whose arguments could be given by position.
BY_POSITION = frozenset(
    {"drop", "sort_values", "sort_index", "dropna", "set_index", "reset_index", "concat", "pivot", "any", "all", "fillna", "split"}
)

#: Values of estimators' parameters that have another name now.
VALUES: Mapping[str, Mapping[str, object]] = {
    "criterion": {"mse": "squared_error", "mae": "absolute_error"},
    "loss": {"ls": "squared_error", "lad": "absolute_error", "log": "log_loss", "deviance": "log_loss", "squared_loss": "squared_error"},
    "penalty": {"none": None},
}

HOW = "outrider run --legacy (or OUTRIDER_LEGACY=1) mends that without a change to the script."


def hint(kind: str, message: str) -> str | None:
    """What an exception has to do with rot that can be mended, in a sentence; None where it has nothing to do with it."""
    words = message.split("'")
    quoted = words[1::2]
    found = None
    name = kind.rpartition(".")[2]
    if name in ("ModuleNotFoundError", "ImportError") and (quoted or "load_boston" in message):
        found = _module(message, quoted)
    elif name == "AttributeError":
        found = _attribute(*_of_and_name(message, quoted))
    elif name == "TypeError":
        found = _position(message) or _of_type(message) or (_argument(message, quoted[0]) if quoted else None)
    elif name == "ValueError" and message.startswith("Argument(s) not recognized: {") and quoted[0] in ("lr", "decay"):
        found = f"argument {quoted[0]!r} of Keras' optimizers"
    elif name == "InvalidParameterError" and quoted and quoted[-1] in VALUES.get(quoted[0], ()):
        found = f"{quoted[0]}={quoted[-1]!r}"
    elif name == "OSError" and quoted and quoted[0].startswith("seaborn") and "style" in message:
        found = f"matplotlib's style {quoted[0]!r}"
    return None if found is None else f"The script was written for older libraries: {found} is no more. {HOW}"


def _module(message: str, quoted: list[str]) -> str | None:
    if "load_boston" in message:
        return "sklearn's data set load_boston, which can be imported but not used,"
    if message.startswith("No module named"):
        return quoted[0] if quoted[0] in MODULES or quoted[0] in PACKAGES else None
    if len(quoted) < 2:
        return None
    whole = f"{quoted[1]}.{quoted[0]}"
    return whole if whole in MODULES or quoted[0] in ATTRIBUTES.get(quoted[1], ()) or whole in _IMPORTED else None


def _argument(message: str, name: str) -> str | None:
    """Some say which function it is of, some do not."""
    if message.startswith("load() missing") and name == "Loader":
        return "yaml.load() without a Loader"
    if "unexpected keyword argument" not in message:
        return None
    function = _function(message)
    known = [one for one in ARGUMENTS if name in ARGUMENTS[one] and (one == function or message.startswith("got "))]
    return f"argument {name!r} of {known[0]}" if known else None


def _function(message: str) -> str:
    return message.partition("(")[0].replace(".__init__", "").rpartition(".")[2]


def _position(message: str) -> str | None:
    whole = message.partition("(")[0]
    of = whole.rpartition(".")[0]
    known = _function(message) in BY_POSITION and (of in ("DataFrame", "Series", "NDFrame", "StringMethods") or whole == "concat")
    return f"what {whole}() took by position" if known and "positional argument" in message and " given" in message else None


def _of_type(message: str) -> str | None:
    return "the type of pandas' columns of text" if "StringDtype" in message and "as a data type" in message else None


def _of_and_name(message: str, quoted: list[str]) -> tuple[str, str]:
    """`module 'numpy' has no attribute 'float'`; numpy itself also says "`np.float_` was removed", markupsafe the bare name."""
    if message.startswith("`np.") and "removed" in message:
        return "numpy", message.split("`")[1][3:]
    if message in ATTRIBUTES["markupsafe"]:
        return "markupsafe", message
    return (quoted[0], quoted[1]) if len(quoted) > 1 else ("", "")


def _attribute(of: str, name: str) -> str | None:
    whole = f"{of}.{name}"
    return whole if name in ATTRIBUTES.get(of, ()) or name in METHODS.get(of, ()) or whole in _IMPORTED or whole in MODULES else None


#: Classes that `_mend.py` makes anew.
_IMPORTED = frozenset({"sklearn.preprocessing.Imputer"})
