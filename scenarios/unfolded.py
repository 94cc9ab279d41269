"""A scenario's only point as a file that names nothing outside of itself: what settings are tried on.

All is explicit there (nodes, workloads, every parameter and limit), so whatever is to be changed has a place.
"""

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

from scenarios.compile import at_point
from scenarios.document import Document
from scenarios.load import build
from scenarios.paths import assign
from scenarios.resolved import resolved_data
from scenarios.scenario import Scenario


def unfolded(scenario: Scenario) -> Document:
    """Return the whole content of a scenario of one point, its swept values put in their places.

    The sweep is gone, and with it the coordinates; the dice do not depend on them.
    """
    (point,) = scenario.points()
    document = at_point(scenario.document, point.coordinates, scenario.sweep.paths)
    document.data.pop("sweep", None)
    plain = build(document, scenario.sources.base)
    whole = resolved_data(plain.document, plain.file, plain.sources, plain.sweep)
    return Document(scenario.source, whole)


def changed(whole: Document, values: Mapping[str, Any]) -> Scenario:
    """Return the scenario of a whole document with other values at some paths.

    Raises:
        ScenarioError: a value does not fit its place, or does not go together with the others.
    """
    document = dataclasses.replace(whole, data=copy.deepcopy(whole.data), marks=dict(whole.marks))
    for path, value in values.items():
        assign(document, path, value, Document(f"{path}={value}"[:200]))
    return build(document)
