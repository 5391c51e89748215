"""XGBoost: a line a round."""

import numpy as np
import xgboost as xgb

rng = np.random.default_rng(0)
X = rng.random((300, 5))
y = (X[:, 0] > 0.5).astype(int)
train, test = xgb.DMatrix(X[:200], y[:200]), xgb.DMatrix(X[200:], y[200:])
xgb.train({"objective": "binary:logistic", "eval_metric": ["logloss", "auc"]}, train, 4, [(train, "train"), (test, "eval")])
