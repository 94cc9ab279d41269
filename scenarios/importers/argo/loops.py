"""`withItems`, `withParam` and `withSequence` as loops."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from scenarios.importers.argo.places import Place
from scenarios.importers.argo.references import TOKEN, Scope

ITERATIONS_MAX: Final = 10_000
_DEFAULT_MAX: Final = 100
_FORM: Final = re.compile(r"[^%]*%0?[0-9]{0,2}[dxX][^%]*")


def loop_of(scope: Scope, place: Place, key: str) -> dict[str, Any]:
    """Return what a loop step says of its items; all of them run at once, as Argo does."""
    value = place.data[key]
    if key == "withSequence":
        return _sized(_sequence(scope, place / key, value))
    if key == "withItems":
        return _sized(_items(_few(scope, place / key, scope.value(_parsed(value), place / key))))
    text = str(value)
    listed = _parsed(text)
    found = scope.value(listed if isinstance(listed, list) else text.strip(), place / key)
    return _sized(_items(_few(scope, place / key, found)))


def _few(scope: Scope, place: Place, items: Any) -> Any:
    """Refuse more items than a loop goes over."""
    if isinstance(items, list) and len(items) > ITERATIONS_MAX:
        place.refuse(scope.findings, f"a list of {len(items)} items", f"at most {ITERATIONS_MAX}")
    return items


def _parsed(value: Any) -> Any:
    """Return JSON text of a list as the list."""
    if not isinstance(value, str) or TOKEN.search(value):
        return value
    try:
        listed = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return listed if isinstance(listed, list) else value


def _items(value: Any) -> dict[str, Any]:
    return {"items": value}


def _sized(loop: dict[str, Any]) -> dict[str, Any]:
    items, bounds = loop.get("items"), loop.get("range")
    size = ITERATIONS_MAX
    if isinstance(items, list):
        size = max(len(items), 1)
    elif bounds and all(isinstance(bound, int) for bound in bounds):
        size = max(len(range(*bounds)), 1)
    if size > _DEFAULT_MAX:
        loop["iterations_max"] = min(size, ITERATIONS_MAX)
    loop["parallelism"] = size
    return loop


def _sequence(scope: Scope, place: Place, sequence: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sequence as a range; both ends belong to it, and it may run backwards."""
    start = scope.value(str(sequence.get("start", "0")), place / "start")
    form = sequence.get("format")
    if "count" in sequence and "end" in sequence:
        place.refuse(scope.findings, "count beside end", "one of them")
    if "count" in sequence:
        count = scope.value(str(sequence["count"]), place / "count")
        bounds = [start, _sum(scope, place, start, count), 1]
    else:
        end = scope.value(str(sequence.get("end", "0")), place / "end")
        if not isinstance(start, int) or not isinstance(end, int):
            place.refuse(scope.findings, "a sequence whose end is not known before it runs", "a count")
            return {"range": [0, 1, 1]}
        step = 1 if end >= start else -1
        bounds = [start, end + step, step]
    is_known = all(isinstance(bound, int) for bound in bounds)
    if is_known and len(range(*bounds)) > ITERATIONS_MAX:
        place.refuse(scope.findings, f"a sequence of {len(range(*bounds))}", f"at most {ITERATIONS_MAX}")
        return {"range": [0, 1, 1]}
    if form is None:
        return {"range": bounds}
    if not is_known or not _FORM.fullmatch(str(form)):
        (place / "format").refuse(
            scope.findings, f"format {form!r} cannot be expressed here", "%d, %02X of numbers"
        )
        return {"range": [0, 1, 1]}
    return {"items": [str(form) % number for number in range(*bounds)]}


def _sum(scope: Scope, place: Place, start: Any, count: Any) -> Any:
    if isinstance(start, int) and isinstance(count, int):
        return start + count
    if all(isinstance(value, int) or value.startswith("{{ ") for value in (start, count)):
        terms = [str(value).removeprefix("{{ ").removesuffix(" }}") for value in (start, count)]
        return f"{{{{ {' + '.join(terms)} }}}}"
    if start == 0:
        return count
    place.refuse(scope.findings, "a sequence whose start and count are known only while it runs", "start 0")
    return count
