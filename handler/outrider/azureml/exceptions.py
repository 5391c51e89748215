"""
The exceptions of the azureml names, as scripts catch and print them (`azureml.exceptions`, `azureml._common.exceptions`).

Here: the tree, the text they print, and how Outrider's own errors become theirs. Which call raises which stands where the call is.

    AzureMLException
    ├── UserErrorException ── RunEnvironmentException, RunConfigurationException, SnapshotException, …
    ├── ServiceException
    ├── WebserviceException ── ModelNotFoundException
    └── …
"""

from __future__ import annotations

from contextlib import contextmanager

from outrider import _errors

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, ClassVar, Iterator


class AzureMLException(Exception):
    """The base of them all. `message` is the text alone; `str()` adds the class's name and the answer that a service would have sent."""

    _code: ClassVar[str | None] = None

    def __init__(self, exception_message: str = "", inner_exception: BaseException | None = None, **_more: Any) -> None:
        super().__init__(exception_message)
        self._message = exception_message
        self._inner_exception = inner_exception

    @property
    def message(self) -> str:
        """What happened."""
        return self._message

    @message.setter
    def message(self, text: str) -> None:
        self._message = text

    @property
    def inner_exception(self) -> BaseException | None:
        """What caused it, or None."""
        return self._inner_exception

    def __str__(self) -> str:
        import json

        error = {"message": self._message} if self._code is None else {"code": self._code, "message": self._message}
        answer = json.dumps({"error": error}, indent=4, default=str)
        return f"{type(self).__name__}:\n\tMessage: {self._message}\n\tInnerException {self._inner_exception}\n\tErrorResponse \n{answer}"

    __repr__ = __str__


class UserErrorException(AzureMLException):
    """A call was wrong."""

    _code = "UserError"


class ArgumentException(UserErrorException):
    """An argument was wrong."""


class RunEnvironmentException(UserErrorException):
    """There is no run here."""


class RunConfigurationException(UserErrorException):
    """A run configuration is wrong."""


class SnapshotException(UserErrorException):
    """A snapshot could not be taken or given back."""


class ProjectSystemException(UserErrorException):
    """Something about a project's files."""


class WorkspaceException(UserErrorException):
    """Something about a workspace."""


class ExperimentException(UserErrorException):
    """Something about an experiment."""


class ExperimentExecutionException(UserErrorException):
    """A submitted script cannot be run, or waiting for it was interrupted."""


class ActivityFailedException(AzureMLException):
    """A run that was waited for has failed."""

    def __init__(self, error_details: Any = "", **more: Any) -> None:
        said = str(error_details)
        super().__init__(said if said.startswith("Activity Failed") else f"Activity Failed:\n{said}", **more)


class ComputeTargetException(AzureMLException):
    """There is no such compute target."""


class WebserviceException(AzureMLException):
    """Of deployment and of the model registry."""

    def __init__(self, exception_message: str = "", status_code: int | None = None, logger: Any = None, **more: Any) -> None:  # noqa: ARG002
        super().__init__(exception_message, **more)
        self.status_code = status_code


class ModelNotFoundException(WebserviceException):
    """There is no such model."""


class ModelPathNotFoundException(AzureMLException):
    """The run or the disk has no such file to be registered."""


class ServiceException(AzureMLException):
    """What the service refuses."""


class RunHistoryException(ServiceException):
    """What is known of runs cannot be given now."""


class AuthenticationException(AzureMLException):
    """Never raised: nobody has to sign in here."""


class TrainingException(AzureMLException):
    """Of estimators."""


class ImageException(AzureMLException):
    """Of deployment."""


class DiscoveryUrlNotFoundException(AzureMLException):
    """Never raised: there is no service to be found."""


class DatasetValidationError(AzureMLException):
    """A dataset cannot be read."""


class DatasetExecutionError(AzureMLException):
    """A dataset could not be worked on."""


class DatasetTimestampMissingError(AzureMLException):
    """A dataset has no column of times."""


class OptionalDependencyMissingException(AzureMLException):
    """A library is not installed."""


_TRANSLATED: dict[type[BaseException], type[AzureMLException]] = {
    _errors.PropertyChanged: ServiceException,
    _errors.ModelPathNotFound: ModelPathNotFoundException,
    _errors.ModelNotFound: ModelNotFoundException,
    _errors.RunNotFound: ServiceException,
    _errors.SnapshotError: SnapshotException,
    _errors.SubmitError: ExperimentExecutionException,
    _errors.ActivityFailed: ActivityFailedException,
    _errors.NotKnown: UserErrorException,
    _errors.HistoryUnavailable: RunHistoryException,
    _errors.OutriderError: UserErrorException,
}


@contextmanager
def translated(wrong: type[AzureMLException] = UserErrorException) -> Iterator[None]:
    """Raises Outrider's errors as those of azureml; a wrong value or type as `wrong`."""
    try:
        yield
    except AzureMLException:
        raise
    except (_errors.OutriderError, TypeError, ValueError, FileNotFoundError) as error:
        kind = next((theirs for ours, theirs in _TRANSLATED.items() if isinstance(error, ours)), wrong)
        raise kind(str(error), inner_exception=error) from error
