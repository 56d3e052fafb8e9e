"""The contract ledger: one arithmetic for the page, the report and the API, in minor units.

original + approved changes = revised; accepted, invoiced and paid count up against it. What is
pending is shown and never counted. A change order's requested and agreed amounts stay apart, and
its lines may be negative.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import TypeAlias

from projects.scoping.errors import ScopingError


class OrderState(StrEnum):
    """Where a change order stands."""

    REQUESTED = "requested"
    PRICED = "priced"
    SENT = "sent"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


PENDING = frozenset({OrderState.REQUESTED, OrderState.PRICED, OrderState.SENT})
STEPS: dict[OrderState, frozenset[OrderState]] = {
    OrderState.REQUESTED: frozenset({OrderState.PRICED, OrderState.WITHDRAWN}),
    OrderState.PRICED: frozenset({OrderState.PRICED, OrderState.SENT, OrderState.WITHDRAWN}),
    OrderState.SENT: frozenset({OrderState.APPROVED, OrderState.DECLINED, OrderState.WITHDRAWN}),
    OrderState.APPROVED: frozenset(),
    OrderState.DECLINED: frozenset(),
    OrderState.WITHDRAWN: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Signed:
    """The scope was signed at a price; an engagement is signed once."""

    amount: int


@dataclass(frozen=True, slots=True)
class Requested:
    """The client asked for a change; nothing is priced yet."""

    order: str


@dataclass(frozen=True, slots=True)
class Priced:
    """A change was priced, line by line; pricing again replaces the lines until it is sent."""

    order: str
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """A priced change was sent; its requested amount is frozen."""

    order: str


@dataclass(frozen=True, slots=True)
class Approved:
    """A sent change was approved, at the requested amount or at another that was agreed."""

    order: str
    agreed: int | None = None


@dataclass(frozen=True, slots=True)
class Declined:
    """A sent change was declined."""

    order: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A change was taken back before it was approved."""

    order: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The client accepted work worth an amount; a negative amount takes acceptance back."""

    amount: int


@dataclass(frozen=True, slots=True)
class Invoiced:
    """An invoice was issued; a credit note has a negative amount."""

    amount: int


@dataclass(frozen=True, slots=True)
class Paid:
    """Money came in; a refund has a negative amount."""

    amount: int


Event: TypeAlias = Signed | Requested | Priced | Sent | Approved | Declined | Withdrawn | Accepted | Invoiced | Paid


@dataclass(frozen=True, slots=True)
class Order:
    """A change order: what was requested, and what was agreed if it was."""

    key: str
    state: OrderState
    requested: int | None = None
    agreed: int | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where a contract stands, in minor units of its currency."""

    currency: str
    original: int = 0
    orders: tuple[Order, ...] = ()
    accepted: int = 0
    invoiced: int = 0
    paid: int = 0
    is_signed: bool = False

    @property
    def changes(self) -> int:
        """The sum of the agreed amounts of approved orders."""
        return sum(order.agreed or 0 for order in self.orders)

    @property
    def revised(self) -> int:
        """Original plus approved changes."""
        return self.original + self.changes

    @property
    def pending(self) -> int:
        """The sum of the requested amounts that wait for an answer; counted nowhere."""
        return sum(order.requested or 0 for order in self.orders if order.state in PENDING)

    @property
    def to_accept(self) -> int:
        """What is left to be accepted."""
        return self.revised - self.accepted

    @property
    def to_invoice(self) -> int:
        """What is left to be invoiced of the whole contract."""
        return self.revised - self.invoiced

    @property
    def due(self) -> int:
        """What is accepted and not invoiced; never below zero (a deposit runs ahead)."""
        return max(self.accepted - self.invoiced, 0)

    @property
    def outstanding(self) -> int:
        """What is invoiced and not paid."""
        return self.invoiced - self.paid

    @property
    def balance(self) -> int:
        """What the client has still to pay of the revised contract."""
        return self.revised - self.paid

    @property
    def creep(self) -> Decimal | None:
        """Approved changes in per cent of the original, to one place; None without an original."""
        if not self.original:
            return None
        share = Decimal(self.changes) * 100 / Decimal(self.original)
        return share.quantize(Decimal("0.1"), ROUND_HALF_UP)

    def to_dict(self) -> dict[str, int | str | None]:
        """Return every figure under its name; amounts in minor units, creep as text."""
        names = (
            *("original", "changes", "revised", "pending", "accepted", "invoiced", "paid"),
            *("to_accept", "to_invoice", "due", "outstanding", "balance"),
        )
        figures: dict[str, int | str | None] = {name: getattr(self, name) for name in names}
        creep = None if self.creep is None else str(self.creep)
        return {"currency": self.currency} | figures | {"creep": creep}


def ledger_of(events: Iterable[Event], *, currency: str) -> Ledger:
    """Add up the history of a contract, oldest event first.

    Raises
    ------
    ScopingError
        ``bad-ledger`` if the history cannot have happened: a second signature, a step that an
        order cannot take, or an amount that is not a whole number of minor units.
    """
    book = _Book()
    for event in events:
        book.take(event)
    orders = tuple(book.orders.values())
    return Ledger(
        currency, book.original or 0, orders, book.accepted, book.invoiced, book.paid,
        is_signed=book.original is not None,
    )  # fmt: skip


class _Book:
    """The ledger while its history is read."""

    def __init__(self) -> None:
        self.original: int | None = None
        self.orders: dict[str, Order] = {}
        self.accepted = self.invoiced = self.paid = 0

    def take(self, event: Event) -> None:
        """Count one event."""
        if isinstance(event, Signed):
            if self.original is not None:
                raise _bad("The contract is signed already; change it by a change order.")
            self.original = _whole(event.amount)
        elif isinstance(event, Accepted):
            self.accepted += _whole(event.amount)
        elif isinstance(event, Invoiced):
            self.invoiced += _whole(event.amount)
        elif isinstance(event, Paid):
            self.paid += _whole(event.amount)
        elif isinstance(event, Requested):
            if event.order in self.orders:
                raise _bad(f"The change “{event.order}” is requested already.")
            self.orders[event.order] = Order(event.order, OrderState.REQUESTED)
        else:
            self._step(event)

    def _step(self, event: Priced | Sent | Approved | Declined | Withdrawn) -> None:
        """Move an order one step."""
        order = self.orders.get(event.order)
        if order is None:
            raise _bad(f"The change “{event.order}” was never requested.")
        wish = OrderState(type(event).__name__.lower())
        if wish not in STEPS[order.state]:
            raise _bad(f"The change “{order.key}” is {order.state} and cannot be {wish}.")
        requested, agreed = order.requested, None
        if isinstance(event, Priced):
            requested = sum(_whole(line) for line in event.lines)
        if isinstance(event, Approved):
            agreed = requested if event.agreed is None else _whole(event.agreed)
        self.orders[order.key] = Order(order.key, wish, requested, agreed)


def _whole(amount: int) -> int:
    """Take an integer only."""
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise _bad(f"{amount!r} is no whole number of minor units. Give an int.")
    return amount


def _bad(sentence: str) -> ScopingError:
    return ScopingError("bad-ledger", sentence)
