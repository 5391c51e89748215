"""
What libraries of models took in their earlier versions, for scripts of that time: on request only, as all that `_mend.py` gives back.

Here: arguments that have another name or place today (tables: `_rot.py`), of scikit-learn, LightGBM, XGBoost and Keras. Only what has
an equal: where an argument changed the result and nothing does so today, its error stays.
"""

from __future__ import annotations

import functools
import inspect

from outrider import _rot

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Callable, Mapping


def mend(module: Any) -> None:
    """Of a module of `_rot.PARAMETERS`: its classes and functions take their earlier arguments."""
    for name, changes in _rot.PARAMETERS[module.__name__].items():
        known = getattr(module, name, None)
        if isinstance(known, type):
            kind: Any = known
            kind.__init__ = renamed(kind.__init__, changes)
        elif known is not None:
            setattr(module, name, renamed(known, changes))


def renamed(function: Any, changes: Mapping[str, str]) -> Any:
    """With arguments that have another name; "": one that made no difference to the result. Those that it still has are its own."""
    there = inspect.signature(function).parameters
    changed = {old: new for old, new in changes.items() if old not in there}
    if not changed:
        return function

    @functools.wraps(function)
    def taking(*arguments: Any, **named: Any) -> Any:
        for old, new in changed.items():
            if old in named:
                value = named.pop(old)
                if new:
                    named[new] = value
        return function(*arguments, **named)

    return taking


def datasets(module: Any) -> None:
    """`load_boston` can be imported: what sklearn says of it comes when it is used, for many scripts never do."""
    real = module.__getattr__

    def late(name: str) -> Any:
        try:
            return real(name)
        except ImportError as error:
            withdrawn = error

        def load_boston(*_given: Any, **_named: Any) -> Any:
            raise withdrawn

        return load_boston

    module.__getattr__ = late


def lightgbm(module: Any) -> None:
    """What has become callbacks: `evals_result`, `early_stopping_rounds`, `verbose_eval`."""

    def with_callbacks(function: Any) -> Any:
        if "early_stopping_rounds" in inspect.signature(function).parameters:
            return function

        @functools.wraps(function)
        def training(*arguments: Any, **named: Any) -> Any:
            added = list(named.pop("callbacks", None) or [])
            results, rounds = named.pop("evals_result", None), named.pop("early_stopping_rounds", None)
            period = named.pop("verbose_eval", None)
            if function.__name__ == "fit":
                period = named.pop("verbose", None)
            if results is not None:
                added.append(module.record_evaluation(results))
            if rounds:
                added.append(module.early_stopping(rounds, verbose=period is not False))
            if period:
                added.append(module.log_evaluation(int(period)))
            return function(*arguments, **named, **({"callbacks": added} if added else {}))

        return training

    module.train, module.cv = with_callbacks(module.train), with_callbacks(module.cv)
    for name in ("LGBMModel", "LGBMClassifier", "LGBMRegressor", "LGBMRanker"):
        kind = getattr(module, name, None)
        if kind is not None and "fit" in vars(kind):
            kind.fit = with_callbacks(kind.fit)


def xgboost(module: Any) -> None:
    """`fit(…, eval_metric=, early_stopping_rounds=, callbacks=)`: they are the model's own parameters now."""

    def with_parameters(function: Any) -> Any:
        moved = {"eval_metric", "early_stopping_rounds", "callbacks"} - set(inspect.signature(function).parameters)

        @functools.wraps(function)
        def fit(self: Any, *arguments: Any, **named: Any) -> Any:
            self.set_params(**{name: named.pop(name) for name in moved & set(named)})
            return function(self, *arguments, **named)

        return fit

    for name in ("XGBModel", "XGBClassifier", "XGBRegressor", "XGBRanker"):
        kind = getattr(module, name, None)
        if kind is not None and "fit" in vars(kind):
            kind.fit = with_parameters(kind.fit)


def keras(module: Any) -> None:
    """Methods for generators, classes of a prediction, any path for weights and models; `lr`, `decay` and small names of optimizers."""
    model = module.Model
    for old, new in (("fit_generator", "fit"), ("predict_generator", "predict"), ("evaluate_generator", "evaluate")):
        _add(model, old, _of_a_generator(getattr(model, new)))
    model.save = _any_folder(model.save)
    _add(model, "predict_proba", lambda self, x, **named: self.predict(x, **named))
    _add(model, "predict_classes", _classes)
    model.save_weights, model.load_weights = _any_file(model.save_weights, is_read=False), _any_file(model.load_weights, is_read=True)
    base = module.optimizers.Optimizer
    optimizers: dict[str, Any] = {
        name: kind
        for name, kind in vars(module.optimizers).items()
        if isinstance(kind, type) and issubclass(kind, base) and kind is not base
    }
    for name, kind in optimizers.items():
        kind.__init__ = _with_rate(kind.__init__, module)
        _add(module.optimizers, name.lower(), kind)


def _add(owner: Any, name: str, value: Any) -> None:
    if not hasattr(owner, name):
        setattr(owner, name, value)


def _of_a_generator(real: Callable[..., Any]) -> Callable[..., Any]:
    def of_a_generator(self: Any, generator: Any, *arguments: Any, **named: Any) -> Any:
        for gone in ("max_queue_size", "workers", "use_multiprocessing", "pickle_safe"):
            named.pop(gone, None)
        if arguments:
            named["steps_per_epoch" if real.__name__ == "fit" else "steps"] = arguments[0]
        named.update(zip(("epochs", "verbose", "callbacks", "validation_data", "validation_steps"), arguments[1:]))
        return real(self, generator, **named)

    return of_a_generator


def _classes(self: Any, x: Any, **named: Any) -> Any:
    found = self.predict(x, **named)
    return found.argmax(axis=-1) if found.shape[-1] > 1 else (found > 0.5).astype("int32")


def _any_file(real: Callable[..., Any], *, is_read: bool) -> Callable[..., Any]:
    """Under a name that Keras 3 takes for weights, and then under the one that was asked for."""
    import os
    import shutil

    @functools.wraps(real)
    def weights(self: Any, filepath: Any, *arguments: Any, **named: Any) -> Any:
        path = os.fspath(filepath)
        if path.endswith((".weights.h5", ".weights.json")):
            return real(self, filepath, *arguments, **named)
        known = path + ".weights.h5"
        named.pop("save_format", None)
        if is_read:
            shutil.copyfile(path, known)
        try:
            found = real(self, known, *arguments, **named)
        finally:
            if is_read:
                os.unlink(known)
        if not is_read:
            os.replace(known, path)
        return found

    return weights


def _any_folder(real: Callable[..., Any]) -> Callable[..., Any]:
    """A path without an ending was a folder of TensorFlow's form, as `export` writes it today."""
    import os

    @functools.wraps(real)
    def save(self: Any, filepath: Any, *arguments: Any, **named: Any) -> Any:
        if not os.path.splitext(os.fspath(filepath))[1]:
            return self.export(filepath)
        named.pop("save_format", None)
        return real(self, filepath, *arguments, **named)

    return save


def _with_rate(real: Callable[..., Any], module: Any) -> Callable[..., Any]:
    """`lr` is `learning_rate`; `decay` is a schedule: the rate by 1 + decay times steps."""

    @functools.wraps(real)
    def init(self: Any, *arguments: Any, **named: Any) -> None:
        if "lr" in named:
            named["learning_rate"] = named.pop("lr")
        decay = named.pop("decay", 0)
        if decay:
            if arguments:
                named["learning_rate"], arguments = arguments[0], arguments[1:]
            rate = named.get("learning_rate", inspect.signature(real).parameters["learning_rate"].default)
            named["learning_rate"] = module.optimizers.schedules.InverseTimeDecay(rate, 1, decay)
        real(self, *arguments, **named)

    return init
