"""The value that a path has in a scenario of one point, as a file would write it."""

from typing import Any

from scenarios.errors import did_you_mean
from scenarios.paths import PATH_EXPECTED, is_path, look_up, short_form
from scenarios.resolved import paths_of, resolved_data
from scenarios.scenario import Scenario


def current_value(scenario: Scenario, path: str) -> Any:
    """Return what `path` is at the first point of a scenario, every default filled in.

    Raises:
        ScenarioError: nothing in the scenario is called so.
    """
    short = short_form(path)
    if not is_path(path):
        raise scenario.document.error((), f"'{path}' is not a path", PATH_EXPECTED)
    coordinates = scenario.points()[0].coordinates
    if short in coordinates:
        return coordinates[short]
    resolved = resolved_data(scenario.document, scenario.file, scenario.sources, scenario.sweep)
    found, value = look_up(resolved, short)
    if not found:
        known = [short_form(other) for other in paths_of(resolved)]
        raise scenario.document.error((), f"unknown path '{path}'", PATH_EXPECTED, did_you_mean(short, known))
    return value
