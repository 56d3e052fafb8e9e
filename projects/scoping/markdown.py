"""A scope document as Markdown, for people and for version control."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from projects.scoping.documents import (
    SECTIONS,
    AcceptanceClause,
    Assumption,
    PlannedMilestone,
    ScopeDocument,
)
from projects.scoping.payments import Instalment, payment_plan

SPECIAL = re.compile(r"([\\`*_\[\]<>|])")
BLOCK_START = re.compile(r"^(\s*)([#+>-]|\d+[.)])", re.MULTILINE)
Money = Callable[[int, str], str]


def plain_minor(minor: int, currency: str) -> str:
    """Write minor units when the caller gives no better way."""
    return f"{minor} {currency} (minor units)"


def render_markdown(
    document: ScopeDocument, *, money: Money = plain_minor, body: Mapping[str, Any] | None = None
) -> str:
    """Write the document as Markdown; ``money`` writes (minor units, currency) for people, ``body`` is frozen."""
    lines = [f"# {escape(document.title) or 'Scope of work'}", ""]
    for name, (heading, _, _needed) in SECTIONS.items():
        items = getattr(document, name)
        if items:
            lines += [f"## {heading}", ""]
            lines += [_line(item, document, money) for item in items]
            lines.append("")
    lines += ["## Payment", "", *_payment(document, money, payment_plan(document, body)), ""]
    lines += ["## Review", "", _review(document), ""]
    if document.notes.strip():
        lines += ["## Notes", "", escape(document.notes), ""]
    return "\n".join(lines)


def _line(item: Any, document: ScopeDocument, money: Money) -> str:
    """Write one item as a list entry."""
    if isinstance(item, Assumption):
        check = f" Check: {escape(item.check)}." if item.check else ""
        otherwise = f" If false: {escape(item.if_false)}." if item.if_false else ""
        return f"- {escape(item.text)}.{check}{otherwise}".replace("..", ".")
    if isinstance(item, PlannedMilestone):
        due = f", due {item.due_on}" if item.due_on else ""
        goal = f" {escape(item.goal)}" if item.goal else ""
        price = money(item.amount_minor, document.currency)
        return f"- **{escape(item.title)}**{due}: {price}.{goal}"
    if isinstance(item, AcceptanceClause):
        titles = {milestone.id: milestone.title for milestone in document.milestones}
        where = f"**{escape(titles[item.milestone])}**: " if item.milestone else ""
        proof = f" (protocol `{item.protocol[:12]}`, {item.rows} rows)" if item.protocol else ""
        return f"- {where}{escape(item.text)}{proof}"
    return f"- {escape(item.text)}"


def _payment(document: ScopeDocument, money: Money, plan: Sequence[Instalment]) -> list[str]:
    """Say when which part of the price is due."""
    deposit = sum(part.amount_minor for part in plan if part.is_deposit)
    lines = [f"- Price: {money(document.price_minor, document.currency)}"]
    if deposit:
        percent = f"{document.deposit_percent} %, " if deposit == document.deposit_minor else ""
        lines.append(f"- Deposit at signing: {percent}{money(deposit, document.currency)}")
        lines.append("- The deposit is taken off the milestones by their share of the price.")
    lines.append("- Each milestone is due when it is accepted.")
    lines += [
        f"- {escape(part.title)}: {money(part.amount_minor, document.currency)}, {part.when}."
        for part in plan
        if part.amount_minor < 0
    ]
    return lines


def _review(document: ScopeDocument) -> str:
    """Say what silence means."""
    return (
        f"A milestone that is handed in is reviewed within {document.review_days} days. "
        "Without a written, reasoned rejection in that time it counts as accepted."
    )


def escape(text: str) -> str:
    """Write text so that Markdown shows it as it is."""
    safe = SPECIAL.sub(r"\\\1", text.strip())
    safe = BLOCK_START.sub(lambda found: f"{found[1]}\\{found[2]}", safe)
    return " ".join(safe.split("\n"))
