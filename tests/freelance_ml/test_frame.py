"""The frame around pages is kept, and never shows one person what belongs to another, nor an old token."""

import re
import uuid

import pytest
from django.template import Context, Template
from django.test import Client
from django.urls import reverse

from projects.addresses import address
from projects.models import Membership, Workspace

pytestmark = pytest.mark.django_db
TOKENS = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


def page(client, path="/clients/"):
    return client.get(path).content.decode()


def test_everyone_sees_their_own_frame(actor, stranger):
    mine, theirs = Client(), Client()
    mine.force_login(actor.user)
    theirs.force_login(stranger.user)
    for _ in range(2):
        assert actor.user.email in page(mine) and stranger.user.email not in page(mine)
        assert stranger.user.email in page(theirs) and actor.user.email not in page(theirs)


def test_the_frame_follows_what_it_shows(signed_in, actor):
    page(signed_in)
    Workspace.objects.filter(pk=actor.workspace.pk).update(name="Renamed & Sons")
    assert 'brand-text">Renamed &amp; Sons<' in page(signed_in)
    signed_in.post(reverse("theme"), {"theme": "dark"})
    assert '<meta name="color-scheme" content="dark">' in page(signed_in)
    Membership.objects.create(workspace=Workspace.objects.create(name="Second"), user=actor.user, role="owner")
    assert 'id="workspace-menu"' in page(signed_in)


def test_the_frame_knows_the_page(signed_in):
    for path in ("/clients/", "/jobs/", "/clients/"):
        text = page(signed_in, f"{path}?q=%22%3Cb%3E")
        assert text.count(f'href="{path}" aria-current="page"') == 2
        assert f'name="next" value="{path}?q=%22%3Cb%3E"' in text


def test_its_forms_carry_the_token_of_this_browser(actor):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(actor.user)
    first, second = TOKENS.findall(page(strict)), TOKENS.findall(page(strict))
    assert len(set(first)) == 1 and not set(first) & set(second)
    assert strict.post(reverse("theme"), {"theme": "dark", "csrfmiddlewaretoken": second[0]}).status_code == 302
    assert strict.post(reverse("theme"), {"theme": "dark", "csrfmiddlewaretoken": "x" * 64}).status_code == 403


@pytest.mark.parametrize("name", ["projects:client", "projects:milestone-move", "report-make", "evaluations:run"])
def test_an_address_is_djangos_own(name):
    for _ in range(2):
        one = uuid.uuid4()
        assert address(name, one) == reverse(name, args=[one])
        assert Template("{% url name one %}").render(Context({"name": name, "one": one})) == reverse(name, args=[one])
    assert address("projects:client-list") == reverse("projects:client-list")
