"""LightGBM: a line a round, among its own warnings, and the best one told again."""

import lightgbm as lgb
import numpy as np

rng = np.random.default_rng(0)
X = rng.random((300, 5))
y = (X[:, 0] > 0.5).astype(int)
model = lgb.LGBMClassifier(n_estimators=6, min_child_samples=5)
model.fit(X[:200], y[:200], eval_set=[(X[200:], y[200:])], callbacks=[lgb.log_evaluation(1), lgb.early_stopping(2)])
