"""scikit-learn: a table while it fits, a report at the end."""

from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import classification_report
from sklearn.model_selection import train_test_split

X, y = load_iris(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
model = GradientBoostingClassifier(n_estimators=5, verbose=2, random_state=0).fit(X_train, y_train)
print(classification_report(y_test, model.predict(X_test)))
