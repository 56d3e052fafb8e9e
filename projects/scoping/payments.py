"""When which part of a scope's price is due: the deposit first, the rest by milestone, exact to the minor unit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from projects.scoping.documents import ScopeDocument


@dataclass(frozen=True, slots=True)
class Instalment:
    """One payment: what for, on which day if that is agreed, and how much in minor units."""

    title: str
    due_on: str
    amount_minor: int
    is_deposit: bool = False

    @property
    def when(self) -> str:
        """Say when it is due; an agreed change can bring a milestone below what its deposit paid."""
        if self.is_deposit:
            return "at signing"
        if self.amount_minor < 0:
            return "credited when accepted: the deposit paid more than this milestone costs now"
        return "when accepted"


def deposit_shares(document: ScopeDocument, body: Mapping[str, Any] | None = None) -> dict[str, int]:
    """Say how much the deposit pays of each milestone, by its id; a frozen body keeps what was due at signing."""
    if body and "deposit" in body:
        return dict(body["deposit"])
    amounts = [milestone.amount_minor for milestone in document.milestones]
    shares = _shares(document.deposit_minor, amounts, document.price_minor)
    return {milestone.id: share for milestone, share in zip(document.milestones, shares, strict=True) if share}


def payment_plan(document: ScopeDocument, body: Mapping[str, Any] | None = None) -> tuple[Instalment, ...]:
    """Split the price into the deposit and what is left of each milestone; the parts sum up to the price."""
    shares = deposit_shares(document, body)
    deposit = sum(shares.values())
    plan = [Instalment("Deposit at signing", "", deposit, is_deposit=True)] if deposit else []
    plan += [
        Instalment(milestone.title, milestone.due_on, milestone.amount_minor - shares.get(milestone.id, 0))
        for milestone in document.milestones
    ]
    return tuple(plan)


def _shares(whole: int, weights: list[int], total: int) -> list[int]:
    """Share a whole by weights; what rounding leaves goes to the largest remainders, the earlier first."""
    if not total:
        return [0] * len(weights)
    shares = [whole * weight // total for weight in weights]
    left = whole - sum(shares)
    byremainder = sorted(range(len(weights)), key=lambda at: -(whole * weights[at] % total))
    for at in byremainder[:left]:
        shares[at] += 1
    return shares
