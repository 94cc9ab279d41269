"""The ranking of a what-if on made-up replications: gains first, ties and nothing said, Holm over all."""

import json
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from reports.columns import PointRuns
from reports.errors import ReportError
from reports.figures import tornado
from reports.sign_test import sign_test
from reports.whatif import Answer, Candidate, Effect, Question, answer
from reports.whatif_json import answer_json, recorded

QUESTION = Question.of("makespan", "mean", 0.05)


def runs(makespans: Sequence[float], digest: str = "") -> PointRuns:
    """Return replications with these makespans; infinite ones hold an execution that failed."""
    made = []
    for number, seconds in enumerate(makespans):
        finite = math.isfinite(seconds)
        run = {
            "makespan_ns": round((seconds if finite else 1) * 10**9),
            "causes": {"readiness": 3, "client throttle": 1},
            "history_digest": f"{digest}{number}{seconds}",
            "failed_count": int(not finite),
            "unfinished_count": 0,
        }
        made.append(SimpleNamespace(number=number, run=run, whole=finite, stations={}, window=None))
    return PointRuns(0, {}, cast("Any", tuple(made)))


def base(n: int = 20) -> list[float]:
    dice = random.Random(7)
    return [10 + dice.random() for _ in range(n)]


def noisy(values: Sequence[float], factor: float, noise: float, seed: int) -> list[float]:
    dice = random.Random(seed)
    return [value * factor * (1 + noise * (dice.random() - 0.5)) for value in values]


def asked(**knobs: Sequence[float] | None) -> Answer:
    candidates = [
        Candidate(
            name, f"{name} 1 → 2", "money", {name: "x2"}, None if it is None else runs(it), "there is none"
        )
        for name, it in knobs.items()
    ]
    return answer(QUESTION, runs(base()), candidates, {"load.burst": 5})


def test_gains_come_first_and_the_rest_says_what_it_is() -> None:
    found = asked(
        nothing=noisy(base(), 1.0, 0.002, 1),
        absent=None,
        small=noisy(base(), 0.9, 0.01, 2),
        large=noisy(base(), 0.6, 0.01, 3),
        worse=noisy(base(), 1.4, 0.01, 4),
        wild=noisy(base(), 0.97, 0.6, 5),
        same=base(),
    )
    told = {row.candidate.name: (row.effect, row.rank) for row in found.rows}
    assert told == {
        "large": (Effect.BUYS, 1),
        "small": (Effect.BUYS, 2),
        "nothing": (Effect.WITHIN, 0),
        "same": (Effect.SAME, 0),
        "wild": (Effect.UNDECIDED, 0),
        "worse": (Effect.COSTS, 0),
        "absent": (Effect.NOT_APPLICABLE, 0),
    }
    assert [row.candidate.name for row in found.rows][:2] == ["large", "small"]
    assert found.rows[-1].candidate.name == "absent"
    best = found.rows[0]
    assert best.change == pytest.approx(-0.4, abs=0.005)
    assert best.low is not None
    assert best.high is not None
    assert best.low < -0.4 < best.high
    assert found.headline.startswith(
        f"What would buy more? large: large 1 → 2: makespan {best.change_text}, n=20"
    )


def test_the_change_is_that_of_the_geometric_mean_with_the_paired_interval() -> None:
    after = noisy(base(), 0.8, 0.1, 9)
    row = asked(knob=after).rows[0]
    logs = np.log(np.array(after) / np.array(base()))
    reach = 2.093024 * logs.std(ddof=1) / math.sqrt(20)  # t of 19 at 97.5 %
    assert row.change == pytest.approx(math.expm1(logs.mean()), rel=1e-6)
    assert row.low == pytest.approx(math.expm1(logs.mean() - reach), rel=1e-5)
    assert row.high == pytest.approx(math.expm1(logs.mean() + reach), rel=1e-5)


def test_knobs_that_cannot_be_told_apart_share_a_rank() -> None:
    found = asked(
        one=noisy(base(), 0.7, 0.05, 11),
        two=noisy(base(), 0.7, 0.05, 12),
        three=noisy(base(), 0.85, 0.05, 13),
    )
    assert [(row.rank, row.tied) for row in found.rows] == [(1, False), (1, True), (3, False)]
    assert "not told apart from it" in found.headline


def test_what_completes_only_with_it_comes_before_what_is_faster() -> None:
    never = [math.inf] * 12
    candidates = [
        Candidate("idle", "", "", {}, runs(never, "a")),
        Candidate("nodes", "", "", {}, runs([5.0] * 12)),
        Candidate("lucky", "", "", {}, runs([5.0] * 3 + [math.inf] * 9, "b")),
    ]
    found = answer(QUESTION, runs(never), candidates, {})
    told = {row.candidate.name: row for row in found.rows}
    assert found.rows[0].candidate.name == "nodes"
    assert (told["nodes"].effect, told["nodes"].rescued) == (Effect.BUYS, 12)
    assert told["idle"].effect is Effect.NEVER
    assert told["lucky"].effect is Effect.UNDECIDED, "3 of 12 could be chance: 2 * (1/2)^3 = 0.25"
    assert told["nodes"].probability == pytest.approx(2 * 2 * 0.5**12)  # Holm: the smaller of two tests


def test_what_lets_more_replications_complete_comes_first() -> None:
    never = [math.inf] * 20
    candidates = [
        Candidate("some", "", "", {}, runs([math.inf] * 8 + base(12))),
        Candidate("all", "", "", {}, runs([2 * value for value in base(20)])),
    ]
    found = answer(QUESTION, runs(never), candidates, {})
    assert [(row.candidate.name, row.rescued, row.rank) for row in found.rows] == [
        ("all", 20, 1),
        ("some", 12, 2),
    ]


def test_the_greatest_rate_comes_first_where_more_is_better() -> None:
    question = replace(QUESTION, higher_is_better=True)
    candidates = [
        Candidate(str(factor), "", "", {}, runs(noisy(base(), factor, 0.01, round(10 * factor))))
        for factor in (1.2, 1.9, 0.5, 1.5)
    ]
    found = answer(question, runs(base()), candidates, {})
    assert [row.candidate.name for row in found.rows] == ["1.9", "1.5", "1.2", "0.5"]
    assert [row.rank for row in found.rows] == [1, 2, 3, 0]
    assert found.rows[-1].effect is Effect.COSTS


def test_more_is_better_where_it_is() -> None:
    question = Question.of("executions_per_second", "mean", 0.05)
    assert question.higher_is_better
    assert not Question.of("execution_duration", "p95", 0.05).higher_is_better
    assert Question.of("executions_completed_ratio", "mean", 0.05).higher_is_better
    assert Question.of("makespan", "mean", 0.05, upwards=True).higher_is_better


def test_false_findings_stay_rare_over_many_knobs_without_effect() -> None:
    """Under no effect, at a margin of 0 by construction beyond it, at most 5 % of families may find any."""
    families = 0
    for seed in range(60):
        knobs = {f"k{i}": noisy(base(10), 0.97, 0.3, 1000 * seed + i) for i in range(8)}
        candidates = [Candidate(name, "", "", {}, runs(it)) for name, it in knobs.items()]
        found = answer(QUESTION, runs(base(10)), candidates, {})
        families += bool(found.bought)
    assert families <= 8, "0.97 lies on the margin: 5 % of 60 families, and the spread of that"


def test_nothing_bought_names_where_the_time_goes() -> None:
    found = asked(nothing=noisy(base(), 1.0, 0.002, 1))
    assert found.headline == (
        "What would buy more? None of 1 knobs buys more than 3 % of makespan."
        " The time goes to readiness (75 %) and client throttle (25 %)."
    )


def test_the_sign_test_is_the_binomial_one() -> None:
    assert sign_test(0, 0) == 1
    assert sign_test(5, 5) == 1
    assert sign_test(10, 0) == pytest.approx(2 / 1024)
    assert sign_test(1, 9) == sign_test(9, 1) == pytest.approx(2 * 11 / 1024)


def test_the_attachment_is_read_back_and_drawn() -> None:
    found = asked(
        large=noisy(base(), 0.6, 0.01, 3), worse=noisy(base(), 1.4, 0.01, 4), same=base(), absent=None
    )
    document = json.loads(json.dumps({**answer_json(found), "notes": []}))
    read = recorded(document)
    assert [row.knob for row in read.rows] == [row.candidate.name for row in found.rows]
    drawn = tornado(read)
    assert drawn is not None
    assert [f">{name}<" in drawn.svg for name in ("large", "worse", "same", "absent")] == [
        True,
        True,
        False,
        False,
    ]
    assert read.rows[0].text in drawn.description
    assert tornado(recorded({**document, "rows": []})) is None


@pytest.mark.parametrize("change", [{"schema": 2}, {"rows": None}, {"rows": [{}]}, {"n": "many"}])
def test_an_attachment_of_another_form_is_refused(change: dict[str, Any]) -> None:
    document = {**answer_json(asked(same=base())), "notes": [], **change}
    with pytest.raises(ReportError, match=r"whatif\.json"):
        recorded(document)


def test_hostile_names_are_text() -> None:
    document = {**answer_json(asked(knob=noisy(base(), 0.6, 0.01, 3))), "notes": []}
    document["rows"][0]["knob"] = "<script>alert(1)</script>\x1b[31m" + "x" * 10_000
    drawn = tornado(recorded(document))
    assert drawn is not None
    assert "<script>" not in drawn.svg
    assert "\x1b" not in drawn.svg
    assert len(drawn.svg) < 60_000
