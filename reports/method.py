"""How the numbers were made, in words, for people who must defend them."""

from reports.formats import percent
from reports.summary import Summary

_TEXT = """
Replications are the sample: every statistic is taken within each replication first, and its interval is
Student's t over the replications at {confidence}. n is the number of replications. Where replications are
added until a number is known well enough, its error is divided over the planned looks: who stops where an
interval is narrow stops where it is narrow by chance.

A percentile is taken per replication where each holds at least 59 values (p95) or 299 (p99), so that a
value beyond it was probably seen. Otherwise it is taken over all replications pooled, with a bootstrap over
the replications, and marked p; where even these are too few, there is no number.

The share of batches or executions within a limit (attainment) has exact Clopper-Pearson bounds that count
each replication once; a share per replication has Student's t where at least five replications hold a miss.
An execution that failed or did not finish is never within a limit.

A verdict is PASS or FAIL when the whole interval lies on one side of the limit, with an error of at most
{error} each way{looks}; otherwise it is INCONCLUSIVE. Nothing measured is NO DATA, never a pass.

A limit on every one (the minimum, the maximum, an attainment of 100 %) can be disproved by one miss and shown
by no sample. It passes when none was seen to miss, and the reason says what that shows: the exact lower
bound of the share of replications without a miss. Ten replications without a miss show only 74 % at a 95 %
confidence in a single look; where a share must be shown, ask for an attainment such as 95 %.

What a pass is worth depends on what would have been found: beside each target stands the smallest violation
that its check would have found with a probability of 95 %.

Time is charged to exactly one cause at every instant, following back the last thing waited for; the
bottleneck is the cause with the greatest share of the executions' time along their critical paths.

Comparisons pair the replications of two settings, which share their random numbers; the interval is of the
log ratio, the equivalence margin is 3 %, and several comparisons are corrected after Holm.
"""


def method_paragraphs(summary: Summary) -> list[str]:
    """Return how this run's numbers were made, a string a paragraph."""
    questions = summary.questions
    counts = ", ".join(str(look) for look in questions.looks)
    several = f", divided over the planned looks at {counts} replications" if len(questions.looks) > 1 else ""
    text = _TEXT.format(
        confidence=percent(questions.confidence), error=percent(1 - questions.confidence), looks=several
    )
    return [" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n")]
