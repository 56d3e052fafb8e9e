"""Short reasons and pieces of a draft, which no form checks, follow the rule for text as well."""

import pytest
from django.urls import reverse

from projects.models import AuditEntry, ScopeVersion
from projects.models.jobs import Job
from tests.factories import jobs, scopes
from tests.factories import projects as make

pytestmark = pytest.mark.django_db
HIDDEN = ["turned\u202earound", "zero\u200bwidth"]


def place(actor, what):
    """A page that takes a reason, and what it takes besides."""
    engagement = make.make_engagement(workspace=actor.workspace)
    if what == "job":
        job = jobs.make_job(workspace=actor.workspace, by=actor)
        Job.objects.update(
            state=Job.State.FAILED, finished_at=job.created_at, error_code="x", error_message="It failed."
        )
        return reverse("projects:job-retry", args=[job.pk]), {}
    if what == "engagement":
        return reverse("projects:engagement-status", args=[engagement.pk]), {"to": "cancelled"}
    if what == "milestone":
        milestone = make.make_milestone(engagement=engagement)
        return reverse("projects:milestone-status", args=[milestone.pk]), {"to": "cancelled", "from": "page"}
    signed = scopes.make_signed(actor=actor)
    order = scopes.make_sent_order(signed.engagement, actor)
    return reverse(f"projects:change-order-{what}", args=[order.pk]), {}


@pytest.mark.parametrize("reason", HIDDEN)
@pytest.mark.parametrize("what", ["job", "engagement", "milestone", "withdraw", "approve"])
def test_a_reason_that_cannot_be_seen_is_refused_and_nothing_happens(signed_in, actor, what, reason):
    address, fields = place(actor, what)
    before = AuditEntry.objects.count()
    page = signed_in.post(address, {**fields, "reason": reason}, follow=True).content.decode()
    assert "cannot be seen" in page
    assert AuditEntry.objects.count() == before
    signed_in.post(address, {**fields, "reason": "as agreed by phone"})
    assert AuditEntry.objects.filter(detail_json__contains="as agreed by phone").exists()


@pytest.mark.parametrize(
    "fields",
    [{"do": "set", "section": "in_scope", "item": "i1", "text": "a\u202eb"}, {"do": "terms", "notes": "a\u200bb"}],
)
def test_so_is_a_piece_of_a_draft(signed_in, actor, fields):
    scope = scopes.make_draft(actor=actor)
    page = signed_in.post(reverse("projects:scope-edit", args=[scope.pk]), fields, follow=True).content.decode()
    assert "cannot be seen" in page
    assert ScopeVersion.objects.get().document == scope.document
