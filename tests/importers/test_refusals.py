"""What cannot be expressed is refused by name, at its place; what has no effect is noted."""

from pathlib import Path
from typing import Any

import pytest

from scenarios import ScenarioError
from scenarios.document import read_file
from scenarios.importers import import_file, parse_declarations
from scenarios.importers.argo.expressions import NotExpressible, depends_of, when_in_cel
from scenarios.importers.argo.outcomes import read_outcome
from tests.importers.runs import run

HEAD = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata:\n  generateName: w-\nspec:\n"
ROWS = read_file(Path(__file__).parent / "refusals.yaml").data


def written(spec: str) -> Path:
    file = Path("w.yaml")
    file.write_text(HEAD + "".join(f"  {line}\n" for line in spec.splitlines()), encoding="utf-8")
    return file


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_what_cannot_be_expressed_is_refused_by_name(row: dict[str, Any]) -> None:
    with pytest.raises(ScenarioError) as caught:
        import_file(written(row["spec"]))
    messages = [str(problem) for problem in caught.value.problems]
    assert len(messages) == len(row["messages"]), messages
    for message, wanted in zip(messages, row["messages"], strict=True):
        assert message.startswith(wanted)


def test_what_has_no_effect_is_noted() -> None:
    spec = (
        "entrypoint: a\nserviceAccountName: me\ntemplates:\n"
        "  - {name: a, tolerations: [{key: k}], inputs: {artifacts: [{name: f, path: /f}]}, "
        "container: {image: busybox}}\n"
    )
    notes = "\n".join(import_file(written(spec)).notes)
    assert "workflow 'w': serviceAccountName: no effect on order or outcome, left out" in notes
    assert "template 'a': tolerations: may decide where or when pods run, and is left out" in notes
    assert "image busybox is not run; a Job works 1 s, an assumption, and ends with exit code 0" in notes
    assert "artifacts of its inputs are not moved" in notes


GENERAL = """\
entrypoint: a
templates:
  - name: a
    dag:
      tasks:
        - {name: one, template: %s}
        - {name: two, template: ok}
        - {name: either, template: ok, depends: "one || two"}
        - {name: rescue, template: ok, depends: "one.Failed && two.Succeeded"}
        - {name: never, template: ok, depends: "!one.Succeeded && two.Failed"}
  - {name: ok, container: {image: busybox, command: [sh, -c, "exit 0"]}}
  - {name: bad, container: {image: busybox, command: [sh, -c, "exit 1"]}}
"""


@pytest.mark.parametrize(
    ("first", "state", "states"),
    [
        ("ok", "completed", {"either": "completed", "rescue": "skipped", "never": "skipped"}),
        # `never` does not run after a failure, nobody follows it, and so it inherits that
        ("bad", "failed", {"either": "completed", "rescue": "completed", "never": "skipped"}),
    ],
)
def test_depends_with_every_operator(first: str, state: str, states: dict[str, str], tmp_path: Path) -> None:
    ended = run(written(GENERAL % first), tmp_path)
    assert {name: ended.states[name] for name in states} == states
    assert ended.state == state


TEMPLATES = """\
entrypoint: a
templates:
  - name: a
    steps:
      - - name: s
          templateRef: {name: lib, template: t}
          arguments: {parameters: [{name: n, value: "3"}]}
---
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: lib}
spec:
  templates:
    - name: t
      inputs: {parameters: [{name: n}]}
      steps: [[{name: u, template: leaf, withSequence: {count: "{{inputs.parameters.n}}"}}]]
    - {name: leaf, container: {image: busybox, command: [sleep, "2"]}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: limits}
data: {pods: "2"}
"""


def test_a_template_of_the_same_file_is_called(tmp_path: Path) -> None:
    first, _, rest = TEMPLATES.partition("---\n")
    file = written(first)
    file.write_text(file.read_text() + "---\n" + rest)
    ended = run(file, tmp_path)
    assert ended.jobs() == {f"s/u[{n}].u-item": "completed" for n in range(3)}


def test_outputs_travel_up(tmp_path: Path) -> None:
    spec = """\
entrypoint: a
templates:
  - name: a
    steps:
      - [{name: inner, template: b}]
      - [{name: go, template: ok, when: "{{steps.inner.outputs.parameters.side}} == heads"}]
  - name: b
    steps: [[{name: flip, template: flip}]]
    outputs: {parameters: [{name: side, valueFrom: {parameter: "{{steps.flip.outputs.result}}"}}]}
  - {name: flip, script: {image: sh, command: [sh], source: "echo heads"}}
  - {name: ok, container: {image: busybox}}
"""
    ended = run(written(spec), tmp_path)
    assert ended.jobs() == {"go": "completed", "inner/flip": "completed"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a == a", '"a" == "a"'),
        ("{{x}} != 'b c'", 'string(X) != "b c"'),
        ("{{x}} > 5 && !({{x}} < 2.5)", "double(X) > 5.0 && !((double(X) < 2.5))"),
        ("{{x}} =~ ^he", 'string(X).matches("^he")'),
        ("{{x}} !~ ^he || true", '!string(X).matches("^he") || true'),
        ("{{x}}", 'string(X) == "true"'),
    ],
)
def test_conditions_in_cel(text: str, wanted: str) -> None:
    assert when_in_cel(text, lambda _word: "X") == wanted


@pytest.mark.parametrize("text", ["a ==", "== a", "(a == b", "a == b)", "a == b c", "a == =="])
def test_conditions_that_are_none(text: str) -> None:
    with pytest.raises(NotExpressible):
        when_in_cel(text, lambda word: word)


def test_plain_dependencies_are_needs() -> None:
    found = depends_of("A && (B && C-d)")
    assert (found.names, found.plain, found.failed) == (("A", "B", "C-d"), True, ())
    assert depends_of("A.Failed && B").failed == ("A",)
    assert not depends_of("A || B").plain


@pytest.mark.parametrize(
    ("body", "duration", "codes", "outputs"),
    [
        ({"container": {"command": ["sleep", "1d"]}}, 86_400, (0,), ()),
        ({"container": {"command": ["sh", "-c"], "args": ["sleep 30; echo x; sleep 1.5"]}}, 31.5, (0,), ()),
        ({"container": {"command": ["sh", "-c", "echo no; exit 3"]}}, 1.0, (3,), ()),
        ({"container": {"command": ["sh", "-c", "exit 3; exit 0"]}}, 1.0, (0,), ()),
        ({"container": {"command": ["false"]}}, 1.0, (1,), ()),
        ({"container": {"command": ["sh", "-c", "exit $(( ${RANDOM} % 3 ))"]}}, 1.0, (0, 1, 2), ()),
        ({"container": {"args": ["import sys; sys.exit(random.choice([0, 1, 1]))"]}}, 1.0, (0, 1, 1), ()),
        ({"script": {"source": "import sys\nsys.exit(4)\n"}}, 1.0, (4,), ()),
        ({"script": {"source": "echo hello"}}, 1.0, (0,), ({"result": "hello"},)),
        ({"script": {"source": "print(compute())"}}, 1.0, (0,), ()),
        ({"resource": {"action": "create"}}, 1.0, (0,), ()),
    ],
)
def test_only_what_is_beyond_doubt_is_read(body: Any, duration: float, codes: Any, outputs: Any) -> None:
    found = read_outcome(body, lambda text: text, lambda text: text)
    assert (found.duration_s, found.exit_codes, found.outputs) == (duration, codes, outputs)


@pytest.mark.parametrize("text", ["nothing", "a.duration", ".x=1", "a.result=[1"])
def test_declarations_that_are_none(text: str) -> None:
    with pytest.raises(ScenarioError):
        parse_declarations([text])


@pytest.mark.parametrize(
    ("declaration", "said"),
    [
        ("a.duration=5", "a duration with its unit"),
        ("a.exit_codes=[300]", "a list of exit codes"),
        ("a.result=heads", "a list of results"),
        ("a.outputs=[1]", "a list of mappings"),
        ("a.size=3", "one of duration, exit_codes, result, outputs"),
        ("b.duration=5s", "there is no such template"),
    ],
)
def test_a_declaration_that_does_not_fit_is_refused(declaration: str, said: str) -> None:
    file = written("entrypoint: a\ntemplates: [{name: a, container: {image: busybox}}]")
    with pytest.raises(ScenarioError, match=said):
        import_file(file, declared=parse_declarations([declaration]))


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "empty"), ("a: 1", "a format that is not known"), ("[1, 2]", "a format that is not known")],
)
def test_what_is_no_workflow_is_refused(text: str, said: str) -> None:
    Path("x.yaml").write_text(text)
    with pytest.raises(ScenarioError, match=said):
        import_file(Path("x.yaml"))
