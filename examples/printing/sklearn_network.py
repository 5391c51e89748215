"""scikit-learn: a neural network that says its loss, with a validation score on the next line."""

from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

X, y = load_digits(return_X_y=True)
MLPClassifier((16,), max_iter=4, early_stopping=True, verbose=True, random_state=0).fit(X[:500], y[:500])
