"""Before a link is sent: the freelancer sees exactly what the client will see, and nothing is recorded."""

import re

import pytest
from django.test import Client as Browser
from django.urls import reverse

from projects.models import AuditEntry, ChangeOrder, ScopeVersion, ShareLink
from projects.services.shares import create_share_link
from projects.shares import purpose_of
from tests.factories import projects as make
from tests.factories import scopes as stage


@pytest.fixture
def engagement(workspace):
    return make.make_engagement(workspace=workspace, title="Churn model")


@pytest.fixture
def scope(engagement, actor):
    return stage.make_draft(actor=actor, engagement=engagement)


@pytest.fixture
def order(engagement, actor):
    return stage.make_priced(stage.make_signed(actor=actor, engagement=engagement).engagement, actor)


def preview_of(row):
    return reverse("projects:share-preview", args=[purpose_of(row).name, row.pk])


def send(row, actor):
    if isinstance(row, ScopeVersion):
        return stage.scopes.send_scope(scope=row, by=actor)
    return stage.change_orders.send_order(order=row, by=actor)


def as_the_client(row, actor):
    made = create_share_link(subject=row, purpose=purpose_of(row), by=actor)
    phone = Browser()
    phone.post(reverse("projects:share-door", args=[made.token]))
    return phone.get(reverse("projects:share-room", args=[made.link.pk])).content.decode()


def document_in(page):
    found = re.search(r'<div class="sheet scope-paper">.*?</article>', page, re.DOTALL).group()
    return re.sub(r'<code class="hash">.*?</code>', "", found)  # it holds the second of sending


@pytest.mark.parametrize("kind", ["scope", "order"])
def test_the_preview_is_what_the_client_sees(signed_in, actor, request, kind):
    row = request.getfixturevalue(kind)
    page = signed_in.get(preview_of(row)).content.decode()
    seen = as_the_client(send(row, actor), actor)
    assert document_in(page) == document_in(seen)
    assert "Preview: this is what" in page
    assert "Preview" not in seen


@pytest.mark.parametrize("kind", ["scope", "order"])
def test_a_preview_records_nothing_and_takes_no_answer(signed_in, request, kind):
    row = request.getfixturevalue(kind)
    before = (AuditEntry.objects.count(), ShareLink.objects.count(), type(row).objects.filter(pk=row.pk).values().get())
    page = signed_in.get(preview_of(row)).content.decode()
    assert signed_in.post(preview_of(row), {"answer": "signed"}).status_code == 405
    assert (AuditEntry.objects.count(), ShareLink.objects.count()) == before[:2]
    assert type(row).objects.filter(pk=row.pk).values().get() == before[2]
    assert "/answer/" not in page
    assert re.search(r"<button[^>]* disabled>Send your answer", page)


def test_the_pages_lead_to_the_preview(signed_in, scope):
    assert preview_of(scope) in signed_in.get(reverse("projects:scope", args=[scope.pk])).content.decode()


def test_what_cannot_be_sent_says_why_instead(signed_in, engagement, actor):
    order = stage.make_priced(engagement, actor)
    page = signed_in.get(preview_of(order), follow=True).content.decode()
    assert "Nothing is signed yet" in page
    assert ChangeOrder.objects.get().status == "priced"


def test_a_stranger_and_the_signed_out_see_no_preview(signed_in, scope, client):
    stranger = make.make_engagement(title="Theirs")
    theirs = stage.make_draft(actor=make.make_actor(workspace=stranger.client.workspace), engagement=stranger)
    assert signed_in.get(preview_of(theirs)).status_code == 404
    assert Browser().get(preview_of(scope)).status_code == 302
    assert signed_in.get(f"/shares/unheard-of/{scope.pk}/preview/").status_code == 404
