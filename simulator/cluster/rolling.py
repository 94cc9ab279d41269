"""How many pods a rolling update may have too many or too few."""

from engine.core.effects import Resource


def resolve(value: int | str, total: int, *, up: bool) -> int:
    """Return an absolute number for ``25%`` of `total`, rounded up or down, or for a plain number."""
    if isinstance(value, str) and value.endswith("%"):
        share = int(value[:-1]) * total
        return -(-share // 100) if up else share // 100
    return int(value)


def surge_and_unavailable(deployment: Resource) -> tuple[int, int]:
    """Return (maxSurge, maxUnavailable) in pods; where both come to nothing, one may be unavailable."""
    spec = deployment["spec"]
    rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
    surge = resolve(rolling.get("maxSurge", "25%"), spec["replicas"], up=True)
    unavailable = resolve(rolling.get("maxUnavailable", "25%"), spec["replicas"], up=False)
    return surge, unavailable if surge or unavailable else 1


def recreates(deployment: Resource) -> bool:
    """Say whether all old pods go before any new one comes."""
    return bool((deployment["spec"].get("strategy") or {}).get("type") == "Recreate")
