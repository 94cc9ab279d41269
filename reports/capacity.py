"""The capacity answer in words, the same for the console, the page and Markdown."""

from collections.abc import Mapping
from typing import Any

from reports.formats import visible

FINDINGS = {"holds": "holds", "fails": "fails", "undecided": "is undecided"}


def lines(found: Mapping[str, Any]) -> list[str]:
    """Return what a certificate says, most important first."""
    told = [str(found["statement"])]
    if found.get("headroom"):
        told.append(f"headroom   {found['headroom']['text']}")
    told += [f"shown      {row['text']}{_more(row)}" for row in found["shown"]]
    told += [f"next       {text}" for text in _next(found)]
    if found.get("binding"):
        told.append(f"binding    {found['binding']['text']}")
    if found.get("cost"):
        told.append(f"cost       {cost_text(found['cost'])}")
    if found.get("growth"):
        told.append(f"growth     {found['growth']['text']}")
    if not found["monotone"]:
        told.append(
            "shape      not monotone: a harder value holds where an easier one fails; searched on a grid, "
            "and the answer has no miss before it"
        )
    told += _frontier(found.get("frontier"))
    told.append(
        f"searched   {len(found['probes'])} values, {found['replications']} runs, seed {found['seed']}"
    )
    return [visible(line) for line in told]


def cost_text(cost: Mapping[str, Any]) -> str:
    """Say what the nodes cost an hour, and 1,000 executions on them."""
    nodes = ", ".join(f"{count} {name}" for name, count in cost["nodes"].items())
    per = f"; {cost['text']}" if "text" in cost else ""
    without = f"; no price of {', '.join(cost['without_price'])}" if cost["without_price"] else ""
    return f"{cost['per_hour']:g}/h for {nodes}{per}{without}"


def _more(row: Mapping[str, Any]) -> str:
    return f" ({row['reason']})" if row["reason"] else ""


def _next(found: Mapping[str, Any]) -> list[str]:
    row, path = found["next"], found["knob"]["path"]
    if row is None:
        return []
    why = f"{row['text']}{_more(row)}" if "text" in row else row["reason"]
    told = [f"{path} = {row['value']} {FINDINGS[row['finding']]}: {why}"]
    fails = found["bracket"]["fails"]
    if row["finding"] == "undecided" and fails is not None:
        told.append(f"{path} = {fails} is shown to fail")
    return told


def _frontier(frontier: Mapping[str, Any] | None) -> list[str]:
    if not frontier:
        return []
    told = [f"frontier   {frontier['first']} for each {frontier['second']}"]
    for row in frontier["points"]:
        value = (
            "none"
            if row["first"] is None
            else f"{row['first']}{'+' if row['at_the_end_of_the_range'] else ''}"
        )
        cost = f", {row['cost']['per_hour']:g}/h" if row["cost"] else ""
        told.append(f"           {row['second']}: {value}{cost}")
    if frontier["cheapest"]:
        best = frontier["cheapest"]
        pair = f"{frontier['second']} = {best['second']}, {frontier['first']} = {best['first']}"
        told.append(f"cheapest   {pair}: {best['per_hour']:g}/h")
    return told
