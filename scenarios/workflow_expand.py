"""Expanding a workflow's templates: ``repeat`` blocks, ``include``, and ``{{ CEL }}`` in every text.

    steps:
      - repeat: "{{ steps }}"            # i counts from 0; indices is [0, 1, ..., steps - 1]
        of:
          - id: "restart-{{ i }}"
            include: "{{ i != 3 }}"      # a step left out where this is false
            needs: ["{{ i > 0 ? 'restart-' + string(i - 1) : '' }}"]  # empty needs fall away
            action: restart_pod
            parameters: {deployment: "${targets.{{ i }}.deployment}"}

The expanded document keeps the places of the templates, so a problem found later still points into the file.
"""

from collections.abc import Mapping
from typing import Any, Final

from scenarios.document import Document
from scenarios.errors import Path
from scenarios.templates import TemplateError, evaluate_value, has_template

STEPS_MAX: Final = 10_000  # of one file; the engine's own limit of one workflow is in `engine.core.limits`


class Expansion:
    """One expansion of a workflow document over the values of its parameters."""

    def __init__(self, source: Document, values: Mapping[str, Any]) -> None:
        """Name the source and the values."""
        self.source = source
        self.values = dict(values)
        self.document = Document(source.source)
        self.count = 0

    def run(self) -> Document:
        """Return ``{"steps": [...], "workflows": {name: {"steps": [...]}}}`` without templates."""
        self.document.data = {"steps": self._level(self.source.data["steps"], ("steps",))}
        inline = self.source.data.get("workflows") or {}
        self.document.data["workflows"] = {
            name: {"steps": self._level(body["steps"], ("workflows", name, "steps"))}
            for name, body in inline.items()
            if "apiVersion" not in body  # a whole file has parameters of its own
        }
        return self.document

    def _level(self, items: Any, place: Path) -> Any:
        self._place(place, place)
        return self._steps(items, place, place, self.values)

    def _place(self, target: Path, source: Path) -> None:
        if marks := self.source.marks.get(source):
            self.document.marks[target] = marks

    def _steps(
        self, items: Any, source: Path, target: Path, values: Mapping[str, Any], start: int = 0
    ) -> Any:
        if not isinstance(items, list):
            return items
        expanded: list[Any] = []
        for index, item in enumerate(items):
            place = (*source, index)
            if isinstance(item, dict) and "repeat" in item:
                expanded += self._repeat(item, place, target, values, start + len(expanded))
            elif self._included(item, place, values):
                self.count += 1
                if self.count > STEPS_MAX:
                    raise self.source.error(place, f"more than {STEPS_MAX:,} steps", f"at most {STEPS_MAX:,}")
                expanded.append(self._step(item, place, (*target, start + len(expanded)), values))
        return expanded

    def _repeat(
        self, item: Any, source: Path, target: Path, values: Mapping[str, Any], start: int
    ) -> list[Any]:
        for key in item:
            if key not in {"repeat", "of"}:
                raise self.source.error((*source, key), f"unknown key '{key}'", "one of repeat, of", key=True)
        if not isinstance(item.get("of"), list) or not item["of"]:
            raise self.source.error(source, "repeat without of", "of: a list of steps")
        count = self._value(item["repeat"], (*source, "repeat"), (*source, "repeat"), values)
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= STEPS_MAX:
            raise self.source.error(
                (*source, "repeat"), f"repeat {count!r}", f"an integer from 0 to {STEPS_MAX:,}"
            )
        expanded: list[Any] = []
        indices = list(range(count))
        for i in indices:
            local = {**values, "i": i, "indices": indices}
            expanded += self._steps(item["of"], (*source, "of"), target, local, start + len(expanded))
        return expanded

    def _included(self, item: Any, source: Path, values: Mapping[str, Any]) -> bool:
        if not isinstance(item, dict) or "include" not in item:
            return True
        outcome = self._value(item["include"], (*source, "include"), (*source, "include"), values)
        if not isinstance(outcome, bool):
            raise self.source.error((*source, "include"), f"include {outcome!r}", "true or false")
        return outcome

    def _step(self, item: Any, source: Path, target: Path, values: Mapping[str, Any]) -> Any:
        self._place(target, source)
        if not isinstance(item, dict):
            return item
        step: dict[str, Any] = {}
        for key, value in item.items():
            if key == "include":
                continue
            here, there = (*source, key), (*target, key)
            self._place(there, here)
            if key == "steps":
                step[key] = self._steps(value, here, there, values)
            else:
                step[key] = self._value(value, here, there, values)
                if key == "needs":
                    step[key] = _joined(step[key])
        return step

    def _value(self, value: Any, source: Path, target: Path, values: Mapping[str, Any]) -> Any:
        self._place(target, source)
        if isinstance(value, dict):
            return {
                key: self._value(part, (*source, key), (*target, key), values) for key, part in value.items()
            }
        if isinstance(value, list):
            parts = enumerate(value)
            return [self._value(part, (*source, index), (*target, index), values) for index, part in parts]
        if not isinstance(value, str) or not has_template(value):
            return value
        try:
            return evaluate_value(value, values)
        except TemplateError as error:
            known = ", ".join(values)
            raise self.source.error(source, str(error), f"CEL over {known}" if known else "CEL") from None


def _joined(needs: Any) -> Any:
    """Return needs as one list: lists in it joined, empty ones dropped."""
    if isinstance(needs, str):
        return [needs] if needs else []
    if not isinstance(needs, list):
        return needs
    joined: list[Any] = []
    for need in needs:
        joined += _joined(need) if isinstance(need, list) else [need]
    return [need for need in joined if need != ""]
