"""The azureml name of a registered model: Outrider's, with the SDK's exceptions."""

from __future__ import annotations

from outrider import _model
from outrider.azureml import scope
from outrider.azureml.exceptions import translated

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, List, NoReturn

    Models = List["Model"]


class Model(_model.Model):
    """A registered model. Raises ModelNotFoundException, which is a WebserviceException as well."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        with translated():
            super().__init__(*arguments, **named)

    @classmethod
    def same_as(cls, found: _model.Model) -> Model:
        """A model under its azureml name."""
        made = cls.__new__(cls)
        made.__dict__ = found.__dict__
        return made

    @property
    def url(self) -> str:
        """Where the model's files are."""
        return f"aml://asset/{self.id}"

    @classmethod
    def register(cls, *arguments: Any, **named: Any) -> Model:
        """Registers a file or folder of the disk. Raises ModelPathNotFoundException."""
        with translated():
            return cls.same_as(super().register(*arguments, **named))

    @classmethod
    def list(cls, *arguments: Any, **named: Any) -> Models:
        """Registered models, the newest first."""
        with translated():
            return [cls.same_as(found) for found in super().list(*arguments, **named)]

    @staticmethod
    def get_model_path(model_name: str, version: int | None = None, _workspace: Any = None) -> str:
        """The path of the model's file or folder. Raises ModelNotFoundException."""
        with translated():
            return _model.Model.get_model_path(model_name, version, _workspace)

    @staticmethod
    def deploy(*_arguments: Any, **_named: Any) -> NoReturn:
        """Out of scope."""
        raise scope.refusal("azureml.core.model.Model.deploy")

    package = profile = deploy

    class Framework:
        """What a model was made with."""

        CUSTOM = "Custom"
        TENSORFLOW = "TensorFlow"
        SCIKITLEARN = "ScikitLearn"
        ONNX = "Onnx"
        PYTORCH = "PyTorch"
        MULTI = "Multi"
