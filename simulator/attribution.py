"""Why time passed: chains of links from an instant back to what caused it.

A *link* says: from the end of its parent until `end_ns`, time passed because of `cause`. Links are
contiguous by construction, since a link has no start of its own. Every cluster event carries the link of
what led to it: the request that wrote it, the watch that delivered it, the controller that acted on it, and
so on back to the arrival of the execution that began it all. Where several things were waited for, the
link's parent is the one that finished last; `other` is the path through the thing that waited, used where
the parent's path began too late.

Nothing here knows what is left over: `walk` covers an interval exactly or says where it could not.
"""

from collections.abc import Iterable

from engine.core.causes import Cause

Link = tuple["Link | None", Cause, int, "Link | None"]
"""(parent, cause, end_ns, other). A root has no parent: nothing before it led to `end_ns`."""

Span = tuple[Cause, int, int]
"""(cause, start_ns, end_ns)."""


def root(at_ns: int) -> Link:
    """Begin a chain: the arrival of an execution, or something the cluster does of its own accord."""
    return (None, Cause.SIGNAL, at_ns, None)


def extend(link: Link, cause: Cause, end_ns: int, other: Link | None = None) -> Link:
    """Let time pass until `end_ns` because of `cause`; a link of no length is not kept."""
    return link if link[2] == end_ns and other is None else (link, cause, end_ns, other)


def _follow(link: Link, since_ns: int, until_ns: int, spans: list[Span]) -> int:
    """Charge backwards from `until_ns` along one chain; return the instant that it reaches."""
    at = until_ns
    fallback: list[Link] = []
    current: Link | None = link
    while at > since_ns and current is not None:
        parent, cause, end, other = current
        if parent is None:
            current = fallback.pop() if fallback else None
            continue
        if other is not None:
            fallback.append(other)
        start = parent[2] if parent[2] > since_ns else since_ns  # noqa: FURB136 - max() would cost a call
        if start < at <= end:
            spans.append((cause, start, at))
            at = start
        current = parent
    return at


def walk(chains: Iterable[Link], since_ns: int, until_ns: int, pending: Cause = Cause.SIGNAL) -> list[Span]:
    """Charge every nanosecond of [since, until] to a cause, last finisher first.

    `chains` are the links of the events that were waited for, newest first; a later chain is followed only
    as far as the newer ones did not reach. Time after the newest chain's end, and time that no chain
    covers, is charged to `pending`: what the thing waited for was doing, or `SIGNAL` where nobody in this
    run had begun anything.

    Returns contiguous spans in order of time that cover the interval exactly.
    """
    spans: list[Span] = []
    at = until_ns
    for link in chains:
        if at <= since_ns:
            break
        if link[2] < at:
            gap = max(link[2], since_ns)
            spans.append((pending, gap, at))
            at = gap
        at = _follow(link, since_ns, at, spans)
    if at > since_ns:
        spans.append((pending, since_ns, at))
    spans.reverse()
    return spans
