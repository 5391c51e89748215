"""
Libraries of models take the arguments of their earlier versions again, on request. LightGBM, XGBoost and Keras are too large to be
installed for this: in the place of each stands the part of its surface that the mend touches, in the form that it has today.
"""

from __future__ import annotations

import types
from pathlib import Path

import pytest

from outrider import _mended_models


class Model:
    """What was asked of it, in order."""

    def __init__(self):
        self.asked = []

    def set_params(self, **named):
        self.asked.append(named)

    def fit(self, data, steps_per_epoch=None, epochs=1, callbacks=None):
        self.asked.append((data, steps_per_epoch, epochs, callbacks))
        return self

    def predict(self, data, steps=None):
        return data

    evaluate = predict

    def save_weights(self, filepath):
        assert filepath.endswith(".weights.h5")
        Path(filepath).write_text("weights")

    def load_weights(self, filepath):
        assert filepath.endswith(".weights.h5")
        self.asked.append(Path(filepath).read_text())

    def save(self, filepath):
        self.asked.append(("saved", filepath))

    def export(self, filepath):
        self.asked.append(("exported", filepath))


@pytest.fixture
def lightgbm():
    """Today's `train`, `cv` and `fit` take callbacks only."""
    made = types.SimpleNamespace(
        train=lambda parameters, data, callbacks=None: callbacks,
        cv=lambda parameters, data, callbacks=None: callbacks,
        LGBMModel=type("LGBMModel", (), {"fit": lambda self, x, callbacks=None: callbacks}),
        record_evaluation=lambda into: ("record", into),
        early_stopping=lambda rounds, verbose: ("stop", rounds, verbose),
        log_evaluation=lambda period: ("log", period),
    )
    made.LGBMModel.fit.__name__ = "fit"
    _mended_models.lightgbm(made)
    return made


def test_what_were_arguments_of_training_are_callbacks(lightgbm):
    """Each as the library's own callback for it; none where none was asked for, and those that were given stay first."""
    into = {}
    assert lightgbm.train({}, [], evals_result=into, early_stopping_rounds=5, verbose_eval=10) == [
        ("record", into),
        ("stop", 5, True),
        ("log", 10),
    ]
    assert lightgbm.cv({}, [], early_stopping_rounds=5, verbose_eval=False, callbacks=["mine"]) == ["mine", ("stop", 5, False)]
    assert lightgbm.LGBMModel().fit([], early_stopping_rounds=3, verbose=False) == [("stop", 3, False)]
    assert lightgbm.train({}, []) is None


def test_what_were_arguments_of_fitting_are_the_models_parameters():
    """XGBoost's."""
    module = types.SimpleNamespace(XGBModel=type("XGBModel", (Model,), {"fit": lambda self, x, y: self}))
    _mended_models.xgboost(module)
    model = module.XGBModel().fit([], [], eval_metric="auc", early_stopping_rounds=2)
    assert model.asked == [{"eval_metric": "auc", "early_stopping_rounds": 2}]


@pytest.fixture
def keras():
    """Its model and an optimizer."""

    class Optimizer:
        pass

    class Adam(Optimizer):
        def __init__(self, learning_rate=0.001):
            self.learning_rate = learning_rate

    schedules = types.SimpleNamespace(InverseTimeDecay=lambda rate, steps, decay: ("decay", rate, steps, decay))
    made = types.SimpleNamespace(
        Model=type("Model", (Model,), dict(vars(Model))),
        optimizers=types.SimpleNamespace(Optimizer=Optimizer, Adam=Adam, schedules=schedules),
    )
    _mended_models.keras(made)
    return made


def test_optimizers_take_their_rate_by_its_first_name(keras):
    """And a decay as the schedule that it was: the rate by 1 + decay times steps."""
    assert keras.optimizers.Adam(lr=0.5).learning_rate == 0.5
    assert keras.optimizers.adam().learning_rate == 0.001
    assert keras.optimizers.Adam(lr=0.5, decay=0.1).learning_rate == ("decay", 0.5, 1, 0.1)
    assert keras.optimizers.Adam(decay=0.1).learning_rate == ("decay", 0.001, 1, 0.1)
    assert keras.optimizers.Adam(0.2, decay=0.1).learning_rate == ("decay", 0.2, 1, 0.1)


def test_generators_have_their_methods_again(keras):
    """What said how they are read makes no difference any more."""
    model = keras.Model()
    model.fit_generator("batches", 10, 2, workers=4)
    assert model.asked == [("batches", 10, 2, None)]
    assert model.predict_generator("batches", steps=1) == "batches"


def test_weights_go_into_the_file_that_was_named(keras, tmp_path):
    """Though the library takes one ending only; nothing else is left there."""
    model = keras.Model()
    path = tmp_path / "model.h5"
    model.save_weights(str(path))
    model.load_weights(path)
    assert (model.asked, [one.name for one in tmp_path.iterdir()]) == (["weights"], ["model.h5"])


def test_a_model_without_an_ending_is_a_folder(keras):
    """As it was."""
    model = keras.Model()
    model.save("outputs/model")
    model.save("outputs/model.h5", save_format="h5")
    assert model.asked == [("exported", "outputs/model"), ("saved", "outputs/model.h5")]


def test_an_argument_that_is_still_there_is_its_own():
    """An older library is left alone."""

    def plain(base_estimator=None):
        return base_estimator

    assert _mended_models.renamed(plain, {"base_estimator": "estimator"}) is plain
