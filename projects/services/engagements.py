"""Changes to engagements."""

from typing import Any

from django.db import transaction

from projects.access import Actor
from projects.currencies import EXPONENTS
from projects.errors import DomainError, IllegalTransitionError
from projects.models import Client, Engagement
from projects.plain_text import must_be_plain
from projects.services.audit import record
from projects.services.clients import assign

FIELDS = (
    "title",
    "summary",
    "billing",
    "currency",
    "purchase_order",
    "starts_on",
    "ends_on",
    "review_days",
)


class CurrencyFixedError(DomainError):
    """Raised when the currency of agreed fees would change under them."""

    code = "currency-fixed"
    template = "“{title}” has amounts in {currency}. Set them to zero first, or start a new engagement in {wish}."


class UnknownCurrencyError(DomainError):
    """Raised when a code is not a currency of ISO 4217."""

    code = "unknown-currency"
    template = "“{wish}” is not a currency code. Use three capitals such as EUR."


class EngagementDatesError(DomainError):
    """Raised when an engagement would end before it starts."""

    code = "engagement-dates"
    template = "The end ({ends_on}) lies before the start ({starts_on}). Change one of them."


class EngagementClosedError(DomainError):
    """Raised when something would change inside an engagement that is over."""

    code = "engagement-closed"
    template = "“{title}” is {status}; its milestones no longer change."


@transaction.atomic
def create_engagement(*, client: Client, by: Actor, **fields: Any) -> Engagement:
    """Start an engagement for a client, as a draft in the workspace's currency unless another is named.

    Raises UnknownCurrencyError, EngagementDatesError.
    """
    by.must_write()
    owner = Client.objects.visible_to(by).get(pk=client.pk)
    engagement = Engagement(client=owner, **_known({"currency": by.workspace.currency, **fields}))
    _check(engagement)
    engagement.save(force_insert=True)
    record(by=by, action="engagement.created", target=engagement)
    return engagement


@transaction.atomic
def update_engagement(*, engagement: Engagement, by: Actor, **fields: Any) -> Engagement:
    """Change an engagement's particulars.

    Raises CurrencyFixedError, UnknownCurrencyError, EngagementDatesError, EngagementClosedError.
    """
    by.must_write()
    locked = Engagement.objects.visible_to(by).select_for_update().get(pk=engagement.pk)
    if locked.status == Engagement.Status.ARCHIVED:
        raise EngagementClosedError(title=locked.title, status="archived")
    before = locked.currency
    changed = assign(locked, _known(fields))
    if "currency" in changed and _has_amounts(locked):
        raise CurrencyFixedError(title=locked.title, currency=before, wish=locked.currency)
    if changed:
        _check(locked)
        locked.save(update_fields=changed)
        if "currency" in changed:
            _follow_currency(locked)
        record(by=by, action="engagement.changed", target=locked, detail={"fields": changed})
    return locked


def _has_amounts(engagement: Engagement) -> bool:
    """Whether anything is priced in the engagement's currency: a milestone, a scope or a change."""
    if engagement.milestones.exclude(fee_minor=0).exists() or engagement.scopes.exclude(status="draft").exists():
        return True
    planned = [one for scope in engagement.scopes.all() for one in scope.document["milestones"]]
    priced = engagement.change_orders.exclude(status="withdrawn")
    return any(one["amount_minor"] for one in planned) or any(order.lines for order in priced)


def _follow_currency(engagement: Engagement) -> None:
    """Bring the draft of a scope to its engagement's currency; what an hour costs in another is forgotten."""
    for scope in engagement.scopes.select_for_update():
        scope.document, scope.rate_minor, scope.undo = scope.document | {"currency": engagement.currency}, None, []
        scope.save(update_fields=["document", "rate_minor", "undo"])


@transaction.atomic
def set_engagement_status(*, engagement: Engagement, to: str, by: Actor, reason: str = "") -> Engagement:
    """Bring an engagement into another status; into its own changes nothing.

    Raises IllegalTransitionError.
    """
    by.must_write()
    must_be_plain(reason)
    locked = Engagement.objects.visible_to(by).select_for_update().get(pk=engagement.pk)
    if locked.status == to:
        return locked
    possible = Engagement.TRANSITIONS[locked.status]
    if to not in possible:
        raise illegal("The engagement", Engagement.Status, locked.status, to, possible)
    before, locked.status = locked.status, to
    locked.save(update_fields=["status"])
    record(by=by, action=f"engagement.{to}", target=locked, detail={"from": before, "reason": reason.strip()})
    return locked


def illegal(noun: str, statuses: Any, state: str, wish: str, possible: tuple[str, ...]) -> IllegalTransitionError:
    """Say in the glossary's words that a status cannot follow another."""
    words = dict(statuses.choices)
    return IllegalTransitionError(
        noun=noun,
        state=words[state].lower(),
        wish=words.get(wish, wish).lower(),
        possible=", ".join(words[name].lower() for name in possible) or "nothing",
    )


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    unknown = set(fields) - set(FIELDS)
    if unknown:
        message = f"These cannot be set here: {', '.join(sorted(unknown))}."
        raise TypeError(message)
    return fields


def _check(engagement: Engagement) -> None:
    if engagement.currency not in EXPONENTS:
        raise UnknownCurrencyError(wish=engagement.currency)
    starts, ends = engagement.starts_on, engagement.ends_on
    if starts and ends and ends < starts:
        raise EngagementDatesError(starts_on=starts, ends_on=ends)
