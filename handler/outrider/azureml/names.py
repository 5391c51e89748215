"""
Every module and name of azureml that Outrider offers, and where it is at home: the one table of them.

A home is "module:name"; DEPLOYMENT names say that they are out of scope when they are used. What is no module here and none of
`scope.PACKAGES` does not exist.
"""

from __future__ import annotations

from outrider.azureml import scope

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any

#: The version whose behaviour is kept to.
VERSION = "1.61.0"

_HERE = "outrider.azureml."
_RUN = {"Run": _HERE + "run:Run", "_OfflineRun": _HERE + "run:_OfflineRun", "_SubmittedRun": _HERE + "run:Run"}
_RUN["get_run"] = _HERE + "run:get_run"
_EXPERIMENT = {"Experiment": _HERE + "experiment:Experiment"}
_WORKSPACE = {"Workspace": _HERE + "workspace:Workspace"}
_MODEL = {"Model": _HERE + "model:Model"}
_SCRIPT = {"ScriptRunConfig": _HERE + "configs:ScriptRunConfig"}
_SCRIPT_RUN = {"ScriptRun": _HERE + "run:Run"}
_CONDA = {"CondaDependencies": _HERE + "configs:CondaDependencies"}
_SECTIONS = (
    "DockerSection", "PythonSection", "RSection", "SparkSection", "RCranPackage", "RGitHubPackage", "SparkPackage", "JarLibrary",
    "PyPiLibrary", "MavenLibrary", "EggLibrary", "RCranLibrary", "ContainerRegistry", "BuildContext", "AzureContainerRegistry",
)  # fmt: skip
_IMAGES = {"DEFAULT_CPU_IMAGE": _HERE + "standins:DEFAULT_CPU_IMAGE", "DEFAULT_GPU_IMAGE": _HERE + "standins:DEFAULT_GPU_IMAGE"}
_PARTS = {name: _HERE + "standins:" + name for name in _SECTIONS}
_ENVIRONMENT = {"Environment": _HERE + "configs:Environment", **_CONDA, **_IMAGES, **_PARTS}
_SUBMITTED = (
    "DockerConfiguration", "MpiConfiguration", "PyTorchConfiguration", "TensorflowConfiguration", "ParallelTaskConfiguration",
)  # fmt: skip
_CONFIGURATIONS = (
    "DataReferenceConfiguration", "HistoryConfiguration", "SparkConfiguration", "HdiConfiguration", "AmlComputeConfiguration",
    "ApplicationEndpointConfiguration", "Data", "DataLocation", "DataPath", "OutputData",
    "Mpi", "TensorFlow", "ParameterServer", "Nccl", "Gloo",
)  # fmt: skip
_RUNCONFIG = {
    "RunConfiguration": _HERE + "configs:RunConfiguration",
    **{name: _HERE + "standins:" + name for name in _CONFIGURATIONS},
    **{name: _HERE + "configs:" + name for name in _SUBMITTED},
    **_ENVIRONMENT,
}
_DATASET = {"Dataset": _HERE + "datasets:Dataset"}
_DATASETS = {name: _HERE + "datasets:" + name for name in ("TabularDataset", "FileDataset")}
_FACTORIES = {
    name: _HERE + "datasets:" + name for name in ("TabularDatasetFactory", "FileDatasetFactory", "DataType", "PromoteHeadersBehavior")
}
_DATASTORE = {"Datastore": _HERE + "datastores:Datastore"}
_DATASTORES = dict.fromkeys(
    ("AzureBlobDatastore", "AzureFileDatastore", "AzureDataLakeGen2Datastore", "AzureDataLakeDatastore", "AbstractDatastore"),
    _HERE + "datastores:Datastore",
)
_REFERENCE = {"DataReference": _HERE + "datastores:DataReference", "DataPath": _HERE + "datastores:DataPath"}
_CONSUMED = {"DatasetConsumptionConfig": _HERE + "datasets:DatasetConsumptionConfig"}
_OUTPUTS = dict.fromkeys(
    ("OutputFileDatasetConfig", "HDFSOutputDatasetConfig", "LinkFileOutputDatasetConfig", "LinkTabularOutputDatasetConfig"),
    _HERE + "datasets:OutputFileDatasetConfig",
)
_KEYVAULT = {"Keyvault": _HERE + "standins:Keyvault"}
_AUTHENTICATION = {
    name: _HERE + "standins:" + name
    for name in (
        "AbstractAuthentication", "InteractiveLoginAuthentication", "ServicePrincipalAuthentication", "AzureCliAuthentication",
        "MsiAuthentication", "TokenAuthentication", "ArmTokenAuthentication", "AzureMLTokenAuthentication", "Audience",
    )
}  # fmt: skip
_COMPUTE = {
    name: _HERE + "compute:" + name
    for name in (
        "ComputeTarget", "AmlCompute", "ComputeInstance", "RemoteCompute", "DsvmCompute", "HDInsightCompute", "AksCompute",
        "BatchCompute", "DatabricksCompute", "DataFactoryCompute", "AdlaCompute", "SynapseCompute", "KubernetesCompute", "KustoCompute",
    )
}  # fmt: skip
_TARGET = {"LocalTarget": _HERE + "compute:LocalTarget", "prepare_compute_target": _HERE + "compute:prepare_compute_target"}
_EXCEPTIONS = {
    name: _HERE + "exceptions:" + name
    for name in (
        "AzureMLException", "UserErrorException", "ArgumentException", "RunEnvironmentException", "RunConfigurationException",
        "SnapshotException", "ProjectSystemException", "WorkspaceException", "ExperimentException", "ExperimentExecutionException",
        "ActivityFailedException", "ComputeTargetException", "WebserviceException", "ModelNotFoundException", "ModelPathNotFoundException",
        "ServiceException",
        "RunHistoryException", "AuthenticationException", "TrainingException", "ImageException",
        "DiscoveryUrlNotFoundException", "DatasetValidationError", "DatasetExecutionError", "DatasetTimestampMissingError",
        "OptionalDependencyMissingException",
    )
}  # fmt: skip
_NOT_FOUND = {"ComputeTargetException": _EXCEPTIONS["ComputeTargetException"]}
_WIDGET = {"RunDetails": "outrider.widget:RunDetails"}
_SCORING = {
    name: _HERE + "scoring:" + name
    for name in (
        "ScoringExplainer", "TreeScoringExplainer", "LinearScoringExplainer", "KernelScoringExplainer", "DeepScoringExplainer",
        "save", "load",
    )
}  # fmt: skip
_EXPLANATIONS = {"ExplanationClient": "outrider._explanation_client:ExplanationClient"}

#: Module -> its names.
MODULES: dict[str, dict[str, str]] = {
    "azureml": {},
    "azureml.core": {
        **_RUN, **_EXPERIMENT, **_WORKSPACE, **_MODEL, **_SCRIPT, **_SCRIPT_RUN, **_DATASET, **_DATASTORE, **_KEYVAULT,
        **_NOT_FOUND,
        "ContainerRegistry": _PARTS["ContainerRegistry"],
        "Environment": _ENVIRONMENT["Environment"],
        "RunConfiguration": _RUNCONFIG["RunConfiguration"],
        "ComputeTarget": _COMPUTE["ComputeTarget"],
        "VERSION": "outrider.azureml.names:VERSION",
        "__version__": "outrider.azureml.names:VERSION",
        "diagnostic_log": _HERE + "standins:diagnostic_log",
    },
    "azureml.core.run": {**_RUN, **_SCRIPT_RUN},
    "azureml.core.script_run": _SCRIPT_RUN,
    "azureml.core.experiment": _EXPERIMENT,
    "azureml.core.workspace": {**_WORKSPACE, **_DATASET, **_EXPERIMENT},
    "azureml.core.model": {**_MODEL, **_DATASET, "Environment": _ENVIRONMENT["Environment"]},
    "azureml.core.script_run_config": _SCRIPT,
    "azureml.core.environment": _ENVIRONMENT,
    "azureml.core.conda_dependencies": _CONDA,
    "azureml.core.container_registry": {"ContainerRegistry": _PARTS["ContainerRegistry"]},
    "azureml.core.runconfig": _RUNCONFIG,
    "azureml.core.resource_configuration": {"ResourceConfiguration": _HERE + "standins:ResourceConfiguration"},
    "azureml.core.authentication": _AUTHENTICATION,
    "azureml.core.keyvault": _KEYVAULT,
    "azureml.core.compute": {**_COMPUTE, **_NOT_FOUND},
    "azureml.core.compute.amlcompute": {"AmlCompute": _COMPUTE["AmlCompute"]},
    "azureml.core.compute.aks": {"AksCompute": _COMPUTE["AksCompute"]},
    "azureml.core.compute.remote": {"RemoteCompute": _COMPUTE["RemoteCompute"]},
    "azureml.core.compute.dsvm": {"DsvmCompute": _COMPUTE["DsvmCompute"]},
    "azureml.core.compute.databricks": {"DatabricksCompute": _COMPUTE["DatabricksCompute"]},
    "azureml.core.compute_target": {**_NOT_FOUND, **_TARGET, **_COMPUTE},
    "azureml.core.dataset": {**_DATASET, **_DATASETS},
    "azureml.core.datastore": _DATASTORE,
    "azureml.core.webservice": {},
    "azureml.core.image": {},
    "azureml.core.profile": {},
    "azureml.core.linked_service": {},
    "azureml.core.databricks": _PARTS,
    "azureml.core.util": {},
    "azureml.data": {**_DATASETS, **_FACTORIES, **_OUTPUTS, **_REFERENCE},
    "azureml.data.tabular_dataset": {"TabularDataset": _DATASETS["TabularDataset"]},
    "azureml.data.file_dataset": {"FileDataset": _DATASETS["FileDataset"]},
    "azureml.data.dataset_factory": _FACTORIES,
    "azureml.data.dataset_type_definitions": _FACTORIES,
    "azureml.data.dataset_consumption_config": _CONSUMED,
    "azureml.data.dataset_error_handling": {
        name: _EXCEPTIONS[name] for name in ("DatasetValidationError", "DatasetExecutionError")
    },
    "azureml.data.output_dataset_config": _OUTPUTS,
    "azureml.data.data_reference": {"DataReference": _REFERENCE["DataReference"]},
    "azureml.data.sql_data_reference": {"SqlDataReference": _REFERENCE["DataReference"]},
    "azureml.data.datapath": {**_REFERENCE, "DataPathComputeBinding": _HERE + "datastores:DataPathComputeBinding"},
    "azureml.data.azure_storage_datastore": _DATASTORES,
    "azureml.data.azure_data_lake_datastore": _DATASTORES,
    "azureml.data.abstract_datastore": _DATASTORES,
    "azureml.exceptions": _EXCEPTIONS,
    "azureml._common": {},
    "azureml._common.exceptions": _EXCEPTIONS,
    "azureml.widgets": _WIDGET,
    "azureml.widgets.run_details": _WIDGET,
    "azureml.train": {},
    "azureml.train.widgets": _WIDGET,
    "azureml.telemetry": {
        "set_diagnostics_collection": _HERE + "standins:set_diagnostics_collection",
        "INSTRUMENTATION_KEY": _HERE + "standins:INSTRUMENTATION_KEY",
    },
    "azureml.interpret": _EXPLANATIONS,
    "azureml.interpret.scoring": {},
    "azureml.interpret.scoring.scoring_explainer": _SCORING,
    "azureml.interpret._internal": {},
    "azureml.interpret._internal.explanation_client": _EXPLANATIONS,
}  # fmt: skip

#: Older places of what is in scope, within packages that are not.
MODULES.update(
    dict.fromkeys(
        (
            "azureml.contrib.interpret.explanation.explanation_client",
            "azureml.contrib.explain.model.explanation.explanation_client",
            "azureml.explain.model._internal.explanation_client",
        ),
        _EXPLANATIONS,
    )
)

#: Module -> names of deployment and the like: they can be imported.
DEPLOYMENT: dict[str, tuple[str, ...]] = {
    "azureml.core": ("Webservice", "Image", "LinkedService", "SynapseWorkspaceLinkedServiceConfiguration", "ContainerImage", "Diagnostics"),
    "azureml.core.model": ("InferenceConfig", "ModelPackage", "Webservice"),
    "azureml.core.webservice": (
        "Webservice", "AciWebservice", "AksWebservice", "AksEndpoint", "LocalWebservice", "AciServiceDeploymentConfiguration",
        "AksServiceDeploymentConfiguration",
    ),
    "azureml.core.image": ("Image", "ContainerImage", "ImageConfig"),
    "azureml.core.profile": ("ImageDeploymentProfile", "ModelProfile"),
    "azureml.core.linked_service": ("LinkedService", "SynapseWorkspaceLinkedServiceConfiguration"),
    "azureml.interpret": ("MimicWrapper",),
}  # fmt: skip


def is_module(name: str) -> bool:
    """Is it a module of ours, or does one lie below it?"""
    return name in MODULES or any(module.startswith(name + ".") for module in MODULES)


def of(module: str) -> set[str]:
    """All names of a module of ours, its modules among them."""
    below = {name[len(module) + 1 :].partition(".")[0] for name in MODULES if name.startswith(module + ".")}
    return {*MODULES.get(module, {}), *DEPLOYMENT.get(module, ()), *below}


def public(module: str) -> list[str]:
    """What `import *` brings: the names, no modules."""
    return sorted(name for name in MODULES.get(module, {}) if not name.startswith("_"))


def value(module: str, name: str) -> Any:
    """What a name of a module means; imports its home. Raises AttributeError for one that is not in the table."""
    from importlib import import_module

    home = MODULES.get(module, {}).get(name)
    if home is not None:
        where, _, attribute = home.partition(":")
        return getattr(import_module(where), attribute)
    if name in DEPLOYMENT.get(module, ()):
        return scope.stand_in(module, name)
    if f"{module}.{name}" in MODULES:
        return import_module(f"{module}.{name}")
    raise AttributeError(f"module {module!r} has no attribute {name!r}" + _hint(module, name))


def _hint(module: str, name: str) -> str:
    if scope.is_beyond(f"{module}.{name}"):
        return f": {scope.refusal(f'{module}.{name}')}"
    return "" if name.startswith("_") else f" that Outrider offers; {module} has {', '.join(sorted(of(module))) or 'none'}"
