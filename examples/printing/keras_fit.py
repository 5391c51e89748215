"""Keras: bars that draw over themselves, a pipe or not."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np

X = np.random.default_rng(0).normal(size=(128, 4)).astype("float32")
y = (X[:, 0] > 0).astype("float32")
keras.utils.set_random_seed(0)
model = keras.Sequential([keras.layers.Dense(4, activation="relu"), keras.layers.Dense(1, activation="sigmoid")])
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
model.fit(X, y, epochs=3, validation_split=0.25)
model.evaluate(X, y)
