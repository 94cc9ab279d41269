"""A session with kubectl, as a person would have it: what it prints, and what the cluster does."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from headroom.serving import kubeconfig
from tests.serving.served import Served, serving

pytestmark = pytest.mark.slow
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: REPLICAS
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: c, image: "example.local/web:1", resources: {requests: {cpu: 10m, memory: 16Mi}}}
"""


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(speed=10) as place:
        yield place


class Kubectl:
    """kubectl with the served cluster's kubeconfig."""

    def __init__(self, served: Served, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "kubeconfig"
        kubeconfig.write(self.config, served.url)
        self.words = ["kubectl", "--kubeconfig", str(self.config), f"--cache-dir={folder}"]

    def __call__(self, command: str, code: int = 0) -> str:
        words = [*self.words, *command.split()]
        result = subprocess.run(
            words, capture_output=True, text=True, timeout=90, check=False, cwd=self.folder
        )
        assert result.returncode == code, f"{command}: {result.stdout}{result.stderr}"
        return result.stdout + result.stderr


@pytest.fixture(scope="module")
def kubectl(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    if shutil.which("kubectl") is None:
        assert os.environ.get("HEADROOM_KUBECTL") != "required", "kubectl must be here, and is not"
        pytest.skip("kubectl is not installed")
    return Kubectl(served, tmp_path_factory.mktemp("kubectl"))


def columns(text: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]


def test_it_shows_what_there_is(kubectl: Kubectl) -> None:
    nodes = columns(kubectl("get nodes"))
    assert nodes[0] == ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]
    assert [row[:2] for row in nodes[1:]] == [["node-0", "Ready"], ["node-1", "Ready"], ["node-2", "Ready"]]
    pods = columns(kubectl("get pods -A -o wide"))
    assert pods[0][:6] == ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert len(pods) == 26
    assert {(row[2], row[3]) for row in pods[1:]} == {("1/1", "Running")}
    deployment = kubectl("get deploy api-gateway -o yaml")
    assert "kind: Deployment" in deployment
    assert "replicas: 5" in deployment
    assert kubectl("get pods -l app=api-gateway -o name").count("pod/api-gateway-") == 5
    chosen = kubectl("get pods -A --field-selector spec.nodeName=node-1 -o name")
    assert 0 < chosen.count("pod/") < 25
    assert 'deployments.apps "nope" not found' in kubectl("get deploy nope", code=1)


def test_it_describes(kubectl: Kubectl) -> None:
    said = kubectl("describe deploy redis-cache")
    assert re.search(r"Replicas:\s+3 desired \| 3 updated \| 3 total \| 3 available \| 0 unavailable", said)
    node = kubectl("describe node node-0")
    assert re.search(r"Unschedulable:\s+false", node)
    assert "Allocated resources:" in node


def test_it_applies_scales_and_deletes(kubectl: Kubectl) -> None:
    file = kubectl.folder / "web.yaml"
    file.write_text(WEB.replace("REPLICAS", "2"))
    assert kubectl("apply -f web.yaml") == "deployment.apps/web created\n"
    assert kubectl("wait --for=condition=Available deploy/web --timeout=60s") == (
        "deployment.apps/web condition met\n"
    )
    assert kubectl("apply -f web.yaml") == "deployment.apps/web unchanged\n"
    file.write_text(WEB.replace("REPLICAS", "3"))
    assert kubectl("apply -f web.yaml") == "deployment.apps/web configured\n"
    assert kubectl("scale deploy/web --replicas=1") == "deployment.apps/web scaled\n"
    kubectl("wait --for=jsonpath={.status.replicas}=1 deploy/web --timeout=60s")
    conflict = kubectl("apply --server-side -f web.yaml", code=1)
    assert ".spec.replicas" in conflict
    assert "conflict" in conflict
    kubectl("apply --server-side --force-conflicts -f web.yaml")
    assert 'deployment.apps "web" deleted' in kubectl("delete deploy web --wait=true")
    assert "not found" in kubectl("get deploy web", code=1)
    kubectl("wait --for=delete pod -l app=web --timeout=60s")


def test_a_field_that_does_not_exist_is_told(kubectl: Kubectl) -> None:
    (kubectl.folder / "wrong.yaml").write_text(WEB.replace("REPLICAS", "1\n  replicsa: 2"))
    assert 'unknown field "spec.replicsa"' in kubectl("apply -f wrong.yaml", code=1)


def test_it_rolls_out_and_back(kubectl: Kubectl) -> None:
    kubectl("rollout restart deploy/user-service")
    assert "successfully rolled out" in kubectl("rollout status deploy/user-service --timeout=80s")
    assert [row[0] for row in columns(kubectl("rollout history deploy/user-service"))[2:4]] == ["1", "2"]
    assert "rolled back" in kubectl("rollout undo deploy/user-service")
    kubectl("rollout status deploy/user-service --timeout=80s")
    assert "restartedAt" not in kubectl("get deploy user-service -o jsonpath={.spec.template.metadata}")


def test_it_drains_a_node(kubectl: Kubectl) -> None:
    assert kubectl("cordon node-2") == "node/node-2 cordoned\n"
    assert "Ready,SchedulingDisabled" in kubectl("get node node-2")
    said = kubectl("drain node-2 --ignore-daemonsets --delete-emptydir-data --timeout=80s")
    assert "evicted" in said
    assert said.endswith("node/node-2 drained\n")
    left = kubectl("get pods -A --field-selector spec.nodeName=node-2,status.phase=Running -o name")
    assert "pod/" not in left
    assert kubectl("uncordon node-2") == "node/node-2 uncordoned\n"


def test_it_watches(kubectl: Kubectl) -> None:
    with subprocess.Popen(
        [*kubectl.words, "get", "pods", "-l", "app=message-queue", "-w", "--no-headers"],
        stdout=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stdout is not None
        first = [watching.stdout.readline() for _ in range(3)]
        victim = first[0].split()[0]
        kubectl(f"delete pod {victim} --wait=false")
        states = [watching.stdout.readline().split() for _ in range(2)]
        watching.terminate()
    assert [victim, "Terminating"] in [[row[0], row[2]] for row in states]
