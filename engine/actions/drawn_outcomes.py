"""Outcomes of a Job that are not known beforehand: one of several exit codes, one of several outputs.

A real pod draws them in its shell and leaves its outputs in its termination message, from where the action
reads them. A modelled pod reads what is declared in its annotations and draws by its name.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.actions.identity import DOMAIN
from engine.core.action import InvalidParameters, Parameter
from engine.core.effects import List, Selection

EXIT_CODES: Final = f"{DOMAIN}/exit-codes"  # a JSON list, of which one is drawn
OUTPUTS: Final = f"{DOMAIN}/outputs"  # the same
EXIT_CODE_MAX: Final = 255
MESSAGE_BYTES_MAX: Final = 4_096  # what Kubernetes keeps of a termination message

PARAMETERS: Final[Mapping[str, Parameter]] = {
    "exit_codes": Parameter("array", summary="in place of exit_code: one is drawn for each attempt"),
    "in_turn": Parameter(
        "boolean", default=False, summary="exit_codes are those of attempts 1, 2, ...; the last stays"
    ),
    "outputs": Parameter(
        "array", summary="what it may give, as mappings: one is drawn and becomes the step's outputs"
    ),
}


def check(parameters: Mapping[str, Any]) -> None:
    """Raise `InvalidParameters` for what cannot be drawn from."""
    codes, outputs = parameters["exit_codes"], parameters["outputs"]
    if codes is not None and not (
        codes and all(type(code) is int and 0 <= code <= EXIT_CODE_MAX for code in codes)
    ):
        raise InvalidParameters(
            f"run_job: 'exit_codes' are numbers from 0 to {EXIT_CODE_MAX}, found {codes!r}"
        )
    if outputs is None:
        return
    if not outputs or not all(isinstance(one, Mapping) for one in outputs):
        raise InvalidParameters(f"run_job: 'outputs' are mappings, at least one; found {outputs!r}")
    longest = max(len(json.dumps(one).encode()) for one in outputs)
    if longest > MESSAGE_BYTES_MAX:
        raise InvalidParameters(
            f"run_job: an output of {longest} bytes; Kubernetes keeps {MESSAGE_BYTES_MAX} of a pod's message"
        )


def exit_codes_of(parameters: Mapping[str, Any], attempt: int) -> Sequence[int]:
    """Return the exit codes from which this attempt draws."""
    codes: Sequence[int] = parameters["exit_codes"] or (parameters["exit_code"],)
    return (codes[min(attempt, len(codes)) - 1],) if parameters["in_turn"] else codes


def shell(duration: str, codes: Sequence[int], outputs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the command of a pod that sleeps, leaves one of the outputs and ends with one of the codes."""
    lines = [f"sleep {duration}"]
    if outputs:
        texts = [json.dumps(one, sort_keys=True) for one in outputs]
        lines.append(f'{_pick(texts)}; printf %s "$1" > /dev/termination-log')
    if len(codes) > 1:
        lines.append(f'{_pick(map(str, codes))}; exit "$1"')
    elif codes[0]:
        lines.append(f"exit {codes[0]}")
    return ["sleep", duration] if len(lines) == 1 else ["sh", "-c", "; ".join(lines)]


def _pick(values: Any) -> str:
    words = [shlex.quote(value) for value in values]
    return f"set -- {' '.join(words)}; shift $((RANDOM % {len(words)}))"


def declared(codes: Sequence[int], outputs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the annotations that tell a modelled cluster the same."""
    found = {EXIT_CODES: json.dumps(list(codes))} if len(codes) > 1 else {}
    if outputs:
        found[OUTPUTS] = json.dumps([dict(one) for one in outputs], sort_keys=True)
    return found


async def read_outputs(namespace: str, label: tuple[str, str]) -> Mapping[str, Any]:
    """Return what the pod with this label left in its termination message."""
    pods = await List(Selection("Pod", namespace, labels=(label,)))
    for pod in pods:
        for status in (pod.get("status") or {}).get("containerStatuses") or ():
            message = ((status.get("state") or {}).get("terminated") or {}).get("message")
            if message:
                try:
                    found = json.loads(message)
                except ValueError:
                    continue
                return found if isinstance(found, dict) else {}
    return {}
