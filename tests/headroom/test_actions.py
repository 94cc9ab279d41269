"""`headroom actions`: the catalogue as a table, in full and as JSON; RBAC manifests, no more than needed."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import scenarios
from engine.actions import CATALOGUE
from engine.actions.conditions import CONDITIONS
from engine.core.action import Rule
from headroom.rbac import Need, as_yaml, manifests, merged, needs_by_name, needs_of
from reports import exits
from tests.headroom.command import headroom

ACCOUNT = "headroom/engine"


def documents(text: str) -> list[dict[str, Any]]:
    return list(YAML(typ="safe", pure=True).load_all(text))


def permissions(rules: Iterable[Any]) -> set[tuple[str, str, str]]:
    """Rules as Kubernetes evaluates them: group, resource, verb."""
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def declared(*names: str, everywhere: bool) -> set[tuple[str, str, str]]:
    return {
        (rule.group, resource, verb)
        for name in names
        for rule in CATALOGUE[name].rbac
        if rule.cluster_scoped == everywhere
        for resource in rule.resources
        for verb in rule.verbs
    }


def test_the_table_names_every_action() -> None:
    done = headroom("actions")
    assert done.returncode == exits.OK
    first = [line.split()[0] for line in done.stdout.splitlines() if line.startswith(" ") and line.strip()]
    assert set(first) >= {*CATALOGUE, *CONDITIONS}


def test_one_action_in_full() -> None:
    done = headroom("actions", "drain_node")
    assert done.returncode == exits.OK
    for text in ("ignore_daemonsets", "rollback    Uncordon", "pods/eviction: create in all namespaces"):
        assert text in done.stdout


def test_as_json_with_a_schema_of_the_parameters() -> None:
    [it] = json.loads(headroom("actions", "scale_deployment", "--json").stdout)
    assert it["parameters"]["required"] == ["namespace", "deployment", "replicas"]
    assert it["parameters"]["properties"]["replicas"]["type"] == "integer"
    assert it["parameters"]["properties"]["autoscaled"]["default"] == "refuse"
    assert it["rollback"].startswith("Set the number that there was before")
    everything = json.loads(headroom("actions", "--json").stdout)
    assert [one["name"] for one in everything] == [*sorted(CATALOGUE), *sorted(CONDITIONS)]


@pytest.mark.parametrize("arguments", [("drainnode",), ("--rbac", "drainnode")])
def test_an_unknown_name_is_said_with_a_likely_one(arguments: tuple[str, ...]) -> None:
    done = headroom("actions", *arguments)
    assert done.returncode == exits.USAGE
    assert "no action 'drainnode'" in done.stderr
    assert "drain_node" in done.stderr


def test_an_account_is_a_namespace_and_a_name() -> None:
    done = headroom("actions", "--rbac", "--account", "engine")
    assert done.returncode == exits.USAGE
    assert "NAMESPACE/NAME" in done.stderr


def test_manifests_hold_what_is_declared_and_no_more() -> None:
    names = ("drain_node", "scale_deployment", "rotate_secrets")
    made = documents(as_yaml(manifests(needs_by_name(names), ("shop",), ACCOUNT)))
    by_kind = {one["kind"]: one for one in made}
    assert list(by_kind) == ["ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]
    assert permissions(by_kind["Role"]["rules"]) == declared(*names, everywhere=False)
    assert permissions(by_kind["ClusterRole"]["rules"]) == declared(*names, everywhere=True)
    assert by_kind["Role"]["metadata"] == {"name": "engine", "namespace": "shop"}
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        binding = by_kind[kind]
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "engine", "namespace": "headroom"}]
        assert binding["roleRef"]["kind"] == kind.removesuffix("Binding")


def test_what_needs_nothing_of_kubernetes_is_given_nothing() -> None:
    assert [one["kind"] for one in manifests(needs_by_name(["wait", "log"]), ("x",), ACCOUNT)] == [
        "ServiceAccount"
    ]


def test_no_role_of_a_namespace_is_given_what_no_namespace_holds() -> None:
    made = documents(as_yaml(manifests(needs_by_name([*CATALOGUE, *CONDITIONS]), ("shop",), ACCOUNT)))
    by_kind = {one["kind"]: one for one in made}
    assert not any(resource == "nodes" for _, resource, _ in permissions(by_kind["Role"]["rules"]))
    assert any(resource == "nodes" for _, resource, _ in permissions(by_kind["ClusterRole"]["rules"]))


def test_equal_rules_are_one() -> None:
    rules = (
        Rule("apps", ("deployments",), ("patch", "get")),
        Rule("apps", ("statefulsets", "deployments"), ("get", "patch")),
    )
    assert merged(rules) == [
        {"apiGroups": ["apps"], "resources": ["deployments", "statefulsets"], "verbs": ["get", "patch"]}
    ]


def test_a_workflow_needs_what_its_steps_need_where_they_act() -> None:
    made = manifests(needs_of(scenarios.load("state-consistency")), ("unused",), ACCOUNT)
    [role] = [one for one in made if one["kind"] == "Role"]
    assert role["metadata"]["namespace"] == "workflows"
    assert permissions(role["rules"]) == declared("scale_deployment", everywhere=False)
    done = headroom("actions", "--rbac", "--workflow", "state-consistency")
    assert done.returncode == exits.OK
    assert documents(done.stdout)[1]["rules"] == role["rules"]


def test_namespaces_stated_by_steps_are_kept_apart() -> None:
    needs = [Need(CATALOGUE["delete_pod"], ("a",)), Need(CATALOGUE["update_hpa"], ("b",))]
    made = manifests(needs, ("unused",), ACCOUNT)
    roles = {one["metadata"]["namespace"]: one["rules"] for one in made if one["kind"] == "Role"}
    assert list(roles) == ["a", "b"]
    assert permissions(roles["a"]) == declared("delete_pod", everywhere=False)
    assert permissions(roles["b"]) == declared("update_hpa", everywhere=False)


def test_a_distribution_that_cannot_be_used_ends_the_command(tmp_path: Path) -> None:
    info = tmp_path / "bad_actions-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-actions\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[headroom.actions]\nbad = absent_module:SPEC\n")
    root = str(Path(__file__).parents[2])
    done = headroom("actions", env={"PYTHONPATH": f"{tmp_path}:{root}"})
    assert done.returncode == exits.INVALID
    assert done.stderr.startswith("bad-actions 1.0: entry point 'bad' of headroom.actions")
