"""Flow schemas: which priority level a request belongs to, and whom it shares its queues with.

The default configuration (apiserver/pkg/apis/flowcontrol/bootstrap/default.go, Kubernetes 1.29 and later).
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

from simulator.cluster.injection import What

LEVELS: Final = (
    "system", "node-high", "leader-election", "workload-high", "workload-low", "global-default", "catch-all",
)  # fmt: skip
"""The limited priority levels; `exempt` is without limit."""

_MASTERS: Final = "system:masters"
_NODES: Final = "system:nodes"
_ACCOUNTS: Final = "system:serviceaccounts"
_KUBE_SYSTEM: Final = "system:serviceaccounts:kube-system"
_MANAGER: Final = "system:kube-controller-manager"
_SCHEDULER: Final = "system:kube-scheduler"
_ELECTING: Final = ("get", "create", "update")


@dataclass(frozen=True, slots=True)
class User:
    """Who asks."""

    name: str
    groups: tuple[str, ...] = ()

    @classmethod
    def account(cls, namespace: str, name: str) -> "User":
        """Return a service account."""
        groups = (_ACCOUNTS, f"{_ACCOUNTS}:{namespace}", "system:authenticated")
        return cls(f"system:serviceaccount:{namespace}:{name}", groups)

    @classmethod
    def node(cls, name: str) -> "User":
        """Return the kubelet of a node."""
        return cls(f"system:node:{name}", (_NODES, "system:authenticated"))


@dataclass(frozen=True, slots=True)
class Schema:
    """One flow schema; without users and groups it matches everybody, without verbs or kinds all of them."""

    name: str
    precedence: int
    level: str
    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    by: str = "user"  # the distinguisher: user, namespace or none

    def matches(self, user: User, what: What, path: str = "") -> bool:
        """Say whether a request is of this schema."""
        if self.name == "probes":
            return path in ("/healthz", "/livez", "/readyz")
        if (self.users or self.groups) and not (
            user.name in self.users or any(group in self.groups for group in user.groups)
        ):
            return False
        verb, kind = what
        return (not self.verbs or verb in self.verbs) and (not self.kinds or kind in self.kinds)

    def flow(self, user: User, namespace: str = "") -> "Flow":
        """Return the flow of a request."""
        distinguished = {"user": user.name, "namespace": namespace}.get(self.by, "")
        return Flow(self.name, distinguished)


SCHEMAS: Final = (  # in order of precedence
    Schema("exempt", 1, "exempt", groups=(_MASTERS,), by=""),
    Schema("probes", 2, "exempt", by=""),
    Schema(
        "system-leader-election", 100, "leader-election", (_MANAGER, _SCHEDULER), (_KUBE_SYSTEM,),
        _ELECTING, ("Lease",),
    ),
    Schema(
        "endpoint-controller", 150, "workload-high",
        (_MANAGER, "system:serviceaccount:kube-system:endpoint-controller"),
        (), ("get", "create", "update"), ("Endpoints",),
    ),
    Schema("workload-leader-election", 200, "leader-election", (), (_KUBE_SYSTEM,), _ELECTING, ("Lease",)),
    Schema("system-node-high", 400, "node-high", (), (_NODES,), (), ("Node", "Lease")),
    Schema("system-nodes", 500, "system", (), (_NODES,)),
    Schema("kube-controller-manager", 800, "workload-high", (_MANAGER,), by="namespace"),
    Schema("kube-scheduler", 800, "workload-high", (_SCHEDULER,), by="namespace"),
    Schema("kube-system-service-accounts", 900, "workload-high", (), (_KUBE_SYSTEM,), by="namespace"),
    Schema("service-accounts", 9000, "workload-low", (), (_ACCOUNTS,)),
    Schema("global-default", 9900, "global-default"),
    Schema("catch-all", 10000, "catch-all"),
)  # fmt: skip


@lru_cache(maxsize=1024)  # every run asks for the same clients
def schema_of(user: User, what: What, path: str = "") -> Schema:
    """Return the schema of least precedence that matches; the last matches everything."""
    return next(schema for schema in SCHEMAS if schema.matches(user, what, path))


def identity(client: str) -> tuple[User, What]:
    """Return as whom one of the model's clients asks, and for what where that decides its level.

    What is not of the model's own names is `user.NAME`, `account.NAMESPACE/NAME`, or a controller.
    """
    part, _, rest = client.partition(".")
    named = _IDENTITIES.get(part)
    if named is not None:
        return named
    namespace, _, name = rest.partition("/")
    found = {
        "kubelet": (User.node(rest), _WRITE),
        "kubelet-events": (User.node(rest), _WRITE),
        "heartbeat": (User.node(rest), _RENEW),
        "user": (User(rest, ("system:authenticated",)), _WRITE),
        "account": (User.account(namespace, name), _WRITE),
    }.get(part)
    return found or (User.account("kube-system", client), _WRITE)


_WRITE: Final[What] = ("update", "")
_RENEW: Final[What] = ("update", "Lease")
_IDENTITIES: Final = {
    "engine": (User.account("workflows", "engine"), _WRITE),
    "storage": (User.account("storage", "provisioner"), _WRITE),
    "scheduler": (User(_SCHEDULER), _WRITE),
    "leader-election": (User(_MANAGER), _RENEW),
    "apiserver": (User("system:apiserver", (_MASTERS,)), _WRITE),
}


class Flow:
    """One user under one flow schema: what shares are fair among."""

    __slots__ = ("_hands", "_hash", "name")

    def __init__(self, schema: str, user: str) -> None:
        """Hash the two as the API server does (hashFlowID in apf_filter.go)."""
        self.name = f"{schema}/{user}"
        digest = sha256(schema.encode() + b"\0" + user.encode()).digest()
        self._hash = int.from_bytes(digest[:8], "little")
        self._hands: dict[tuple[int, int], tuple[int, ...]] = {}

    def hand(self, queues: int, size: int) -> tuple[int, ...]:
        """Return the queues that this flow is dealt, in the order of dealing."""
        known = self._hands.get((queues, size))
        if known is None:
            known = self._hands[queues, size] = deal(self._hash, queues, size)
        return known


def deal(value: int, deck: int, size: int) -> tuple[int, ...]:
    """Deal `size` of `deck` cards by a hash (apiserver/pkg/util/shufflesharding/dealer.go)."""
    remainders: list[int] = []
    for number in range(size):
        value, remainder = divmod(value, deck - number)
        remainders.append(remainder)
    hand = []
    for number, card in enumerate(remainders):
        for earlier in reversed(remainders[:number]):
            card += card >= earlier  # noqa: PLW2901 - the card moves up past those that are dealt
        hand.append(card)
    return tuple(hand)
