"""The Kubernetes manifests: valid by the API's own schemas, and as narrow as they can be."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from outrider_agent import serve, settings

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
def test_no_service_of_the_namespace_is_taken_for_a_setting(document):
    """The kubelet gives a pod OUTRIDER_SERVER_PORT=tcp://… where a Service is called outrider-server: a setting that is wrong."""
    for pod in pods(document):
        assert pod["enableServiceLinks"] is False


def test_the_agents_ship_to_where_the_server_listens():
    """Rule: the three manifests fit together: name, port, what the probes ask, and where the home is."""
    (service, server) = [one.values[0] for one in DOCUMENTS if one.id.startswith("server.yaml")]
    (pod,) = pods(server)
    (container,) = pod["containers"]
    url = f"http://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    for document in (one.values[0] for one in DOCUMENTS if one.id in ("sidecar.yaml-Job", "daemonset.yaml-DaemonSet")):
        (shipped,) = pods(document)
        agent = next(one for one in [*shipped.get("initContainers", []), *shipped["containers"]] if one["name"] == "outrider")
        assert {one["name"]: one.get("value") for one in agent["env"]}["OUTRIDER_SINKS_HTTP_URL"] == url
    given = settings.Server()
    assert (container["ports"][0]["containerPort"], service["spec"]["ports"][0]["port"]) == (given.port, given.port)
    assert service["spec"]["selector"] == server["spec"]["selector"]["matchLabels"] == server["spec"]["template"]["metadata"]["labels"]
    assert server["spec"]["replicas"] == 1
    serve.parser().parse_args(container["command"][3:])


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_the_kubelet_asks_is_answered_there(document):
    """Rule: a probe's port is one of the container's, and the one that its agent or server listens on, on every address of the pod."""
    for pod in pods(document):
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            asked = [container[name] for name in ("startupProbe", "readinessProbe", "livenessProbe") if name in container]
            assert {probe["httpGet"]["port"] for probe in asked} <= {port["name"] for port in container.get("ports", [])}
            given = {one["name"]: one.get("value") for one in container.get("env", [])}
            if asked and "--address" not in container.get("command", []):
                assert given["OUTRIDER_PROBES_ADDRESS"] == "0.0.0.0"
                assert container["ports"] == [{"name": "probes", "containerPort": settings.Settings().probes.port}]
                annotations = document["spec"]["template"]["metadata"]["annotations"]
                assert annotations == {"prometheus.io/scrape": "true", "prometheus.io/port": str(settings.Settings().probes.port)}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_drain_fits_into_the_grace_period(document):
    """Rule: the agent stops delivering before the kubelet kills it; what is left then is said."""
    for pod in pods(document):
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            given = {one["name"]: one.get("value") for one in container.get("env", [])}
            if "OUTRIDER_AGENT_SHUTDOWN_DEADLINE_S" in given:
                assert float(given["OUTRIDER_AGENT_SHUTDOWN_DEADLINE_S"]) + 15 <= pod["terminationGracePeriodSeconds"]
