"""A change order on its way to the client: read, asked about, kept, approved or declined."""

from typing import Any, ClassVar

from django.http import Http404, HttpResponse

from projects.access import Actor
from projects.models import ChangeOrder, Decision
from projects.scope_pdf import change_order_pdf
from projects.services import change_orders
from projects.services.milestones import CLOSED
from projects.services.sending import Sent
from projects.shares import Visit
from projects.views.rooms import Room
from projects.web import file_answer


class ChangeOrderRoom(Room):
    """A priced change; it waits from its sending to its last day."""

    model = ChangeOrder
    related = "engagement__client__workspace"
    template = "scopes/shared_change_order.html"
    files: ClassVar = {"pdf": "PDF"}
    choices: ClassVar = [
        (Decision.Answer.APPROVED.value, "I approve this change"),
        (Decision.Answer.DECLINED.value, "I decline it"),
    ]
    ask = "Approve or decline"
    labels: ClassVar = {"name": "Your full name, as your signature", "message": "Anything to add"}

    def check(self, row: ChangeOrder) -> None:
        """Raise unless the change was sent and holds."""
        if not row.body or row.status == ChangeOrder.Status.WITHDRAWN:
            raise change_orders.ChangeOrderIncompleteError(missing="Only a change that was sent can be shown.")

    def was_sent(self, row: ChangeOrder) -> bool:
        """Whether it is frozen."""
        return row.body is not None

    def waits(self, row: ChangeOrder) -> bool:
        """Whether it is sent, has not expired, and its engagement is not over."""
        return row.state == ChangeOrder.Status.SENT and row.engagement.status not in CLOSED

    def consent(self, row: ChangeOrder) -> str:
        """Write what is answered."""
        body = row.body or {}
        return (
            f"I have read change order {row.number} on “{body['engagement']['title']}” and may answer for {body['to']}."
        )

    def context(self, row: ChangeOrder, decision: Decision | None) -> dict[str, Any]:
        """Give what ``scopes/_change.html`` shows."""
        return {"order": row, "body": row.body or {}, "currency": row.engagement.currency}

    def file(self, row: ChangeOrder, form: str, decision: Decision | None) -> HttpResponse:
        """Return a change that was sent as PDF."""
        if not row.body:
            raise Http404
        name = f"change-order-{row.number}-{row.digest[:8]}.pdf"
        return file_answer(change_order_pdf(row, decision), "application/pdf", name)

    def freeze(self, row: ChangeOrder) -> None:
        """Freeze a priced change in memory."""
        if not row.body:
            change_orders.freeze(row, change_orders.signed_scope(row.engagement))

    def send(self, row: ChangeOrder, *, by: Actor, **to: Any) -> Sent[ChangeOrder]:
        """Freeze the change and send its link."""
        return change_orders.send_order_to_client(order=row, by=by, **to)

    def told(self, row: ChangeOrder) -> str:
        """Name the change order."""
        return f"Change order {row.number} is frozen."

    def answer(self, row: ChangeOrder, *, visit: Visit, fields: dict[str, Any], consent: str) -> Decision:
        """Take the approval with what it changes, or the refusal."""
        return change_orders.answer_order(visit=visit, order=row, fields=fields, consent=consent)
