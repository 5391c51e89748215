"""
Azure ML's run API (SDK v1) over Outrider's: `import outrider.azureml`, and `import azureml.core` works from then on.

Under `outrider run`, and where `outrider enable` was said, nothing has to be imported: the bootstrap offers the names. They are offered
only where the real SDK is not installed; here that is an ImportError. docs/azureml.md says what works and what is out of scope.
"""

from __future__ import annotations

from outrider import _offer

_offer.install()
