"""`metric`: the value of a metric query, for conditions and waits."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from engine.core.action import ActionContext, ActionSpec, InvalidParameters, Parameter
from engine.core.effects import QueryMetrics
from engine.core.errors import ActionError

QUERY_LENGTH_MAX: Final = 4_096
_AGGREGATIONS: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "avg": lambda values: math.fsum(values) / len(values),
    "count": len,
    "max": max,
    "min": min,
    "only": lambda values: values[0],
    "sum": math.fsum,
}


class NoData(ActionError):
    """The query gave no value: nothing matches, or nothing has been scraped yet."""

    reason = "NoData"


async def metric(context: ActionContext, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the samples of `query` as one `number`, by `aggregation`, and how many there were.

    Samples that are not finite are left out. No sample: `default` if there is one, 0 for a count, else
    `NoData`, which can be retried. More than one sample where `only` is asked: `InvalidParameters`, since
    which one would be chance.
    """
    del context
    aggregation, query = parameters["aggregation"], parameters["query"]
    if aggregation not in _AGGREGATIONS:
        raise InvalidParameters(
            f"metric: 'aggregation' is one of {', '.join(_AGGREGATIONS)}, not {aggregation!r}"
        )
    if not query.strip() or len(query) > QUERY_LENGTH_MAX:
        raise InvalidParameters(f"metric: 'query' must have 1 to {QUERY_LENGTH_MAX} characters")
    values = [sample.value for sample in await QueryMetrics(query) if math.isfinite(sample.value)]
    if aggregation == "only" and len(values) > 1:
        raise InvalidParameters(
            f"metric: {len(values)} samples match {query!r} where one is wanted: narrow the selector, or "
            "choose another aggregation"
        )
    if values or aggregation == "count":
        number = float(_AGGREGATIONS[aggregation](values))
    elif parameters["default"] is not None:
        number = float(parameters["default"])
    else:
        raise NoData(f"no sample matches {query!r}")
    return {"number": number, "samples_count": len(values)}


SPEC = ActionSpec(
    name="metric",
    run=metric,
    parameters={
        "query": Parameter("string", required=True, summary="an instant query in PromQL"),
        "aggregation": Parameter(
            "string", default="only", summary=f"how samples become one: {', '.join(_AGGREGATIONS)}"
        ),
        "default": Parameter("number", default=None, summary="the value where no sample matches"),
    },
    calls_min=0,
    summary="the value of a metric query",
)
