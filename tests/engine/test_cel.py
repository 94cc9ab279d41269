"""Conditions in CEL: what they see, what they refuse, and that they cannot cost too much."""

from typing import Any

import pytest

from engine.cel import CelConditions, evaluate_template
from engine.core.errors import ConditionError

VALUES = {
    "variables": {"n": 3, "name": "web", "ratio": 0.5, "list": [1, 2], "flag": True, "nothing": None},
    "steps": {
        "a": {"state": "completed", "outputs": {"ready": 2}},
        "b-c": {"state": "pending", "outputs": {}},
    },
}


@pytest.fixture(scope="module")
def conditions() -> CelConditions:
    return CelConditions()


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("variables.n > 2", True),
        ("variables.n > 2 && variables.name == 'api'", False),
        ("steps.a.outputs.ready >= 2", True),
        ("steps['b-c'].state == 'pending'", True),
        ("variables.list.exists(x, x == 2)", True),
        ("has(variables.absent)", False),
        ("variables.flag", True),
        ("variables.nothing == null", True),
        ("variables.ratio < 1.0", True),
        ("variables.name.startsWith('w')", True),
    ],
)
def test_conditions_read_variables_and_steps(conditions: CelConditions, text: str, *, outcome: bool) -> None:
    assert conditions.compile(text).evaluate(VALUES) is outcome


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("variables.n >", "Syntax error"),
        ("1 + 'a' == 2", "no matching overload"),
        ("foo == 1", "undeclared reference to 'foo'"),
        ("1 + 2", "gives INT, not a boolean"),
        ("", "Syntax error"),
        ("x" * 2_001, "2001 characters; at most 2000"),
        ("__import__('os').system('true')", "undeclared reference"),
    ],
)
def test_what_is_no_condition_does_not_compile(conditions: CelConditions, text: str, says: str) -> None:
    with pytest.raises(ConditionError) as caught:
        conditions.compile(text)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("variables.absent > 3", "Key not found"),
        ("variables.n / 0 == 1", "divide by zero"),
        ("variables.name > 3", "no matching overload|No matching overload"),
        ("variables.n", "gives 3, which is no boolean"),
    ],
)
def test_what_gives_no_outcome_is_an_error(conditions: CelConditions, text: str, says: str) -> None:
    with pytest.raises(ConditionError, match=says):
        conditions.compile(text).evaluate(VALUES)


def test_loops_within_loops_run_out_of_budget(conditions: CelConditions) -> None:
    ten = "[1,2,3,4,5,6,7,8,9,10]"
    text = "x6 > 0"
    for depth in range(6, 0, -1):
        text = f"{ten}.all(x{depth}, {text})"
    with pytest.raises(ConditionError, match="budget"):
        conditions.compile(text).evaluate(VALUES)


@pytest.mark.parametrize(
    "text",
    [
        f"['aaaaaaaa']{'.map(x, x + x)' * 24}.size() == 1",
        f"[1]{'.map(x, [x, x])' * 26} == [1]{'.map(x, [x, x])' * 26}",
    ],
)
def test_what_doubles_without_end_is_refused_when_it_is_compiled(
    conditions: CelConditions, text: str
) -> None:
    with pytest.raises(ConditionError, match="would touch more than"):
        conditions.compile(text)


@pytest.mark.parametrize(
    "text",
    [
        "variables.few.all(a, variables.many == variables.many)",
        "variables.few.map(a, variables.many + variables.many).size() > 3",
        "variables.few.all(a, variables.many + variables.many != [1])",
        "variables.few.all(a, variables.few.exists(b, variables.many == [variables.many, variables.many]))",
        "variables.few.map(a, variables.text + variables.text).map(a, a + a).map(a, a + a).size() > 3",
        "variables.few.all(a, [a].map(b, string(variables.text) + 'x').size() == 1)",
    ],
)
def test_what_would_touch_too_much_is_not_asked(conditions: CelConditions, text: str) -> None:
    many = {"few": list(range(1_000)), "many": list(range(100_000)), "text": "a" * 1_000_000}
    program = conditions.compile(text)
    with pytest.raises(ConditionError, match="could touch more than"):
        program.evaluate({"variables": many, "steps": {}})
    small = {"few": [1, 2], "many": [1, 2, 3], "text": "aa"}
    assert program.evaluate({"variables": small, "steps": {}}) in (True, False)


@pytest.mark.parametrize(
    "text",
    [
        "variables.pods.all(p, p.phase == 'Running')",
        "variables.pods.exists(p, p.labels['app'] == 'web' && p.restarts + 1 > 3) || true",
        "variables.pods.filter(p, p.name.startsWith('web')).size() == 5000",
        "variables.pods.map(p, p.name).size() == 5000",
    ],
)
def test_what_people_ask_of_long_lists_is_no_matter(conditions: CelConditions, text: str) -> None:
    pods = [
        {"name": f"web-{i}", "phase": "Running", "restarts": 0, "labels": {"app": "web"}}
        for i in range(5_000)
    ]
    assert conditions.compile(text).evaluate({"variables": {"pods": pods}, "steps": {}})


def test_a_text_is_compiled_once(conditions: CelConditions) -> None:
    assert conditions.compile("variables.n == 1") is conditions.compile("variables.n == 1")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("{{ i + 1 }}", 4),
        ("  {{ i + 1 }} ", 4),
        ("step-{{ i }}", "step-3"),
        ("{{ i }}/{{ name }}", "3/web"),
        ("{{ i % 5 == 0 }}", False),
        ("on: {{ flag }}", "on: true"),
        ("{{ [i, i * 2] }}", [3, 6]),
        ("{{ {'a': i} }}", {"a": 3}),
        ("{{ share * 2.0 }}", 1.0),
        ("{{ i > 0 ? ['step-' + string(i - 1)] : [] }}", ["step-2"]),
        ("${targets.0} stays", "${targets.0} stays"),
    ],
)
def test_templates_are_filled_in(text: str, value: Any) -> None:
    got = evaluate_template(text, i=3, name="web", flag=True, share=0.5)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    "text", ["{{ absent }}", "{{ i + }}", "{{ i / 0 }}", "a {{ i", "{{ i }} and {{", "{{}}"]
)
def test_templates_that_give_nothing_are_errors(text: str) -> None:
    with pytest.raises(ConditionError):
        evaluate_template(text, i=3)
