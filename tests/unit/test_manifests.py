"""The Kubernetes manifests: valid by the API's own schemas, and as narrow as they can be."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
VERSIONS = ["1.29", "1.34"]
DOCUMENTS = [
    pytest.param(document, id=f"{path.name}-{document['kind']}")
    for path in sorted(FOLDER.glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]


def pods(document):
    """The specifications of pods in it."""
    template = document.get("spec", {}).get("template")
    return [template["spec"]] if template else []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_manifest_is_what_the_api_takes(document, version):
    """Strict: a key that the API does not know is an error, not ignored as the API server would."""
    kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_nothing_may_do_more_than_it_needs(document):
    """Rule: no token of an account, no capability, no writable root, no escalation; nobody asks the API server, so there is no role."""
    assert document["kind"] not in {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}
    for pod in pods(document):
        assert pod["automountServiceAccountToken"] is False
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            if not container["image"].startswith("outrider"):
                continue
            context = container["securityContext"]
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["readOnlyRootFilesystem"]
            assert context["allowPrivilegeEscalation"] is False
            assert all(mount.get("readOnly") or mount["name"] in ("spool", "home", "tmp") for mount in container["volumeMounts"])


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_drain_fits_into_the_grace_period(document):
    """Rule: the agent stops delivering before the kubelet kills it; what is left then is said."""
    for pod in pods(document):
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            given = {one["name"]: one.get("value") for one in container.get("env", [])}
            if "OUTRIDER_AGENT_SHUTDOWN_DEADLINE_S" in given:
                assert float(given["OUTRIDER_AGENT_SHUTDOWN_DEADLINE_S"]) + 15 <= pod["terminationGracePeriodSeconds"]
