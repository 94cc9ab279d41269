"""Objects with something wrong in them, in their thousands: refused or taken, and the model goes on."""

import copy
import json
import random
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from tests.serving.served import Reply, Served, serving

pytestmark = pytest.mark.slow
VALUES: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 3, 10**12, 3.5, "", "x", "5m", "1Gi", "-3", "25%", "2026-01-01T00:00:00Z",
    [], {}, [1], ["a"], [{}], [None], {"a": "b"}, {"a": None}, [{"name": "c"}],
)  # fmt: skip
CONTAINER: Final = {"name": "c", "image": "x:1", "resources": {"requests": {"cpu": "10m", "memory": "8Mi"}}}
PROBED: Final = {
    **CONTAINER,
    "ports": [{"containerPort": 80}],
    "readinessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 1},
}
APART: Final = {
    "podAntiAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {
                "weight": 1,
                "podAffinityTerm": {
                    "labelSelector": {"matchLabels": {"app": "f"}},
                    "topologyKey": "kubernetes.io/hostname",
                },
            }
        ]
    }
}


def template(app: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": app}}, "spec": {"containers": [PROBED], **spec}}


def selector(app: str) -> dict[str, Any]:
    return {
        "matchLabels": {"app": app},
        "matchExpressions": [{"key": "app", "operator": "In", "values": [app]}],
    }


# Where objects of a kind live, and the spec (or what else it has) of a sound one.
SOUND: Final[Mapping[str, dict[str, Any]]] = {
    "/apis/apps/v1/namespaces/default/deployments": {
        "spec": {
            "replicas": 2,
            "minReadySeconds": 1,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "selector": selector("f"),
            "template": template("f", affinity=APART, terminationGracePeriodSeconds=3),
        }
    },
    "/apis/apps/v1/namespaces/default/statefulsets": {
        "spec": {
            "replicas": 1,
            "serviceName": "f",
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "selector": selector("s"),
            "template": template("s"),
            "volumeClaimTemplates": [
                {
                    "metadata": {"name": "d"},
                    "spec": {
                        "accessModes": ["ReadWriteOnce"],
                        "resources": {"requests": {"storage": "1Gi"}},
                    },
                }
            ],
        }
    },
    "/apis/apps/v1/namespaces/default/daemonsets": {
        "spec": {
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
            "selector": selector("d"),
            "template": template("d"),
        }
    },
    "/apis/batch/v1/namespaces/default/jobs": {
        "spec": {
            "backoffLimit": 1,
            "completions": 2,
            "parallelism": 1,
            "ttlSecondsAfterFinished": 10,
            "activeDeadlineSeconds": 50,
            "template": {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}},
        }
    },
    "/apis/policy/v1/namespaces/default/poddisruptionbudgets": {
        "spec": {"minAvailable": 1, "selector": selector("f")}
    },
    "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers": {
        "spec": {
            "minReplicas": 1,
            "maxReplicas": 4,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "f"},
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": 50},
                    },
                }
            ],
            "behavior": {"scaleDown": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 5}]}},
        }
    },
    "/api/v1/namespaces/default/resourcequotas": {"spec": {"hard": {"pods": "500", "requests.cpu": "500"}}},
    "/api/v1/namespaces/default/limitranges": {
        "spec": {"limits": [{"type": "Container", "default": {"cpu": "100m"}, "max": {"cpu": "4"}}]}
    },
    "/api/v1/namespaces/default/pods": {
        "spec": {
            "initContainers": [{"name": "i", "image": "x:1"}],
            "containers": [CONTAINER],
            "tolerations": [{"key": "a", "operator": "Exists"}],
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "kubernetes.io/hostname",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": {"app": "f"}},
                }
            ],
        }
    },
    "/api/v1/namespaces/default/persistentvolumeclaims": {
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    },
    "/api/v1/namespaces": {},
    "/apis/scheduling.k8s.io/v1/priorityclasses": {"value": 1000, "globalDefault": False},
    "/apis/coordination.k8s.io/v1/namespaces/default/leases": {
        "spec": {"holderIdentity": "x", "leaseDurationSeconds": 15}
    },
    "/api/v1/nodes": {
        "spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]},
        "status": {
            "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "50"},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    },
}


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from paths(item, (*path, key))


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = copy.copy(value)
    changed[path[0]] = put(value[path[0]], path[1:], new)
    return changed


def spoilt(dice: random.Random, value: Any) -> Any:
    for _ in range(dice.choice((0, 1, 1, 2))):
        value = put(value, dice.choice(list(paths(value))[1:] or [()]), dice.choice(VALUES))
    return value


def act(dice: random.Random, served: Served) -> Reply:
    collection = dice.choice(list(SOUND))
    one = f"{collection}/f"
    body = spoilt(dice, {"metadata": {"name": "f", "labels": {"app": "f"}}, **SOUND[collection]})
    match dice.choice(("create", "create", "replace", "patch", "status", "delete", "table")):
        case "create":
            return served.send("POST", collection, body)
        case "replace":
            return served.send("PUT", one, body)
        case "patch":
            kind = dice.choice(("merge", "strategic-merge"))
            return served.send("PATCH", one, json.dumps(body).encode(), f"application/{kind}-patch+json")
        case "status":
            status = served.send("GET", one).body.get("status")
            change = {"status": spoilt(dice, status if isinstance(status, dict) else {})}
            return served.send("PATCH", f"{one}/status", change, "application/merge-patch+json")
        case "delete":
            return served.send("DELETE", one)
        case _:
            return served.send("GET", collection, accept="application/json;as=Table;v=v1;g=meta.k8s.io")


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_sent_is_answered_and_the_model_goes_on(seed: int) -> None:
    dice = random.Random(seed)
    with serving(speed=200) as served:
        taken = 0
        for _ in range(200):
            reply = act(dice, served)
            assert reply.status < 500, reply.body
            taken += reply.status < 300
        assert taken > 20
        assert served.server.world.failure is None
