"""
An ordinary training script: it imports nothing of Outrider, and is tracked all the same.

    outrider run -- python examples/ridge_sweep.py

It sweeps the strength of a ridge regression's penalty over scikit-learn's diabetes data, logs what it finds, prints its progress,
and leaves one model a step in ./outputs.
"""

import logging
import os

import joblib
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split

logger = logging.getLogger("ridge_sweep")


def main():
    logging.basicConfig(level=logging.INFO)
    os.makedirs("outputs", exist_ok=True)

    X, y = load_diabetes(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)

    alphas = np.arange(0.0, 1.0, 0.05)
    best = None
    for step, alpha in enumerate(alphas):
        model = Ridge(alpha=alpha)
        model.fit(X_train, y_train)
        mse = mean_squared_error(y_test, model.predict(X_test))

        logger.info("alpha %.2f mse %.2f", alpha, mse, extra={"metrics": {"alpha": alpha, "mse": mse}, "step": step})
        joblib.dump(model, f"outputs/ridge_{alpha:.2f}.pkl")
        print(f"step {step + 1}/{len(alphas)}: alpha is {alpha:.2f}, and mse is {mse:.2f}", flush=True)
        if best is None or mse < best[1]:
            best = (alpha, mse)

    print(f"best: alpha {best[0]:.2f} with mse {best[1]:.2f}")


if __name__ == "__main__":
    main()
