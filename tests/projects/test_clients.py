import pytest
from django.urls import reverse

from projects.errors import NotPermittedError
from projects.models import Client, Contact
from projects.models.audit import AuditEntry
from projects.services import clients
from projects.services.clients import ClientNameTakenError
from tests.factories import projects as make
from tests.projects import page_rules


@pytest.fixture
def acme(workspace):
    return make.make_client(workspace=workspace, name="Acme")


# --- services -----------------------------------------------------------------------------------
def test_a_client_is_added_and_the_trail_says_so(actor):
    made = clients.create_client(by=actor, name="Acme", country="DE")
    assert made.workspace == actor.workspace
    assert AuditEntry.objects.visible_to(actor).get().action == "client.created"


def test_two_clients_of_one_name_are_refused_in_one_workspace_only(actor, stranger, acme):
    with pytest.raises(ClientNameTakenError, match="already a client named “Acme”"):
        clients.create_client(by=actor, name="Acme")
    assert clients.create_client(by=stranger, name="Acme").pk != acme.pk


def test_what_stays_the_same_is_not_recorded(actor, acme):
    clients.update_client(client=acme, by=actor, name="Acme", notes="")
    assert not AuditEntry.objects.visible_to(actor).exists()
    clients.update_client(client=acme, by=actor, notes="Pays late")
    assert AuditEntry.objects.visible_to(actor).get().detail == {"fields": ["notes"]}


def test_a_client_of_another_workspace_cannot_be_changed(stranger, acme):
    with pytest.raises(Client.DoesNotExist):
        clients.update_client(client=acme, by=stranger, name="Mine")


def test_fields_that_are_nobodys_business_are_refused(actor, acme):
    with pytest.raises(TypeError, match="workspace"):
        clients.update_client(client=acme, by=actor, workspace=actor.workspace)


def test_a_reviewer_changes_nothing(reviewer, acme):
    with pytest.raises(NotPermittedError):
        clients.create_client(by=reviewer, name="New")
    with pytest.raises(NotPermittedError):
        clients.archive_client(client=acme, by=reviewer)


def test_archiving_twice_keeps_the_first_moment(actor, acme):
    first = clients.archive_client(client=acme, by=actor).archived_at
    assert clients.archive_client(client=acme, by=actor).archived_at == first
    assert clients.restore_client(client=acme, by=actor).archived_at is None


# --- the list -----------------------------------------------------------------------------------
def test_the_list_shows_searches_and_hides_the_archived(signed_in, acme, workspace, actor):
    other = make.make_client(workspace=workspace, name="Borealis")
    make.make_contact(client=other, name="Jana Brandt")
    page_rules.opens(signed_in, "projects:client-list", contains=["Acme", "Borealis"])
    found = signed_in.get(reverse("projects:client-list"), {"q": "brandt"}).content.decode()
    assert "Borealis" in found
    assert "Acme" not in found
    clients.archive_client(client=acme, by=actor)
    assert "Acme" not in signed_in.get(reverse("projects:client-list")).content.decode()
    assert "Acme" in signed_in.get(reverse("projects:client-list"), {"show": "archived"}).content.decode()


def test_the_list_counts_open_engagements_once_whatever_is_searched(signed_in, acme):
    make.make_contact(client=acme, name="Ann")
    make.make_contact(client=acme, name="Anna")
    engagement = make.make_engagement(client=acme)
    make.make_milestone(engagement=engagement)
    make.make_milestone(engagement=engagement)
    page = signed_in.get(reverse("projects:client-list"), {"q": "Ann"}).context["page"]
    assert [(client.name, client.open_engagements) for client in page] == [("Acme", 1)]


def test_htmx_gets_the_rows_alone(signed_in, acme):
    response = signed_in.get(reverse("projects:client-list"), headers={"HX-Request": "true"})
    assert b"Acme" in response.content
    assert b"<html" not in response.content
    assert "HX-Request" in response["Vary"]


def test_an_empty_list_offers_the_first_step(signed_in):
    page_rules.opens(signed_in, "projects:client-list", contains=["No clients yet", reverse("projects:client-new")])


def test_nobody_sees_clients_of_others(client, stranger, acme):
    client.force_login(stranger.user)
    assert "Acme" not in client.get(reverse("projects:client-list")).content.decode()


@pytest.mark.parametrize("name", ["client-list", "client-new"])
def test_pages_without_a_row_ask_to_sign_in(client, db, name):
    page_rules.sends_to_sign_in(client, f"projects:{name}")


def test_the_list_is_only_read(signed_in):
    page_rules.refuses(signed_in, "post", "projects:client-list")
    page_rules.refuses(signed_in, "delete", "projects:client-new")


# --- one client ---------------------------------------------------------------------------------
PAGES = ["client", "client-edit", "contact-new"]


@pytest.mark.parametrize("name", PAGES)
def test_a_clients_page_opens(signed_in, acme, name):
    page_rules.opens(signed_in, f"projects:{name}", acme.pk, contains=["Acme"])


@pytest.mark.parametrize("name", PAGES)
def test_a_stranger_finds_no_client(client, stranger, acme, name):
    page_rules.hides_from_strangers(client, stranger, f"projects:{name}", acme.pk)


@pytest.mark.parametrize("name", PAGES)
def test_a_clients_page_asks_to_sign_in(client, acme, name):
    page_rules.sends_to_sign_in(client, f"projects:{name}", acme.pk)


@pytest.mark.parametrize(("name", "method"), [("client", "post"), ("client-edit", "put"), ("contact-new", "delete")])
def test_a_clients_page_refuses_the_wrong_method(signed_in, acme, name, method):
    page_rules.refuses(signed_in, method, f"projects:{name}", acme.pk)


def test_a_client_is_made_in_the_page(signed_in, workspace):
    response = signed_in.post(reverse("projects:client-new"), {"name": "Acme", "country": "de"})
    made = Client.objects.get()
    assert (made.workspace, made.country) == (workspace, "DE")
    assert response["Location"] == reverse("projects:client", args=[made.pk])


def test_a_form_that_fails_comes_back_with_the_error_beside_the_field(signed_in, acme):
    response = signed_in.post(reverse("projects:client-new"), {"name": "Acme", "country": "Germany"})
    assert response.status_code == 422
    assert "Write the two letters of the country" in response.content.decode()
    assert "maxlength" not in str(response.context["form"]["country"])
    again = signed_in.post(reverse("projects:client-new"), {"name": "Acme"})
    assert again.status_code == 422
    assert 'id="id_name_error"' in again.content.decode()
    assert Client.objects.count() == 1


def test_a_client_is_edited_and_archived_in_the_page(signed_in, acme):
    signed_in.post(reverse("projects:client-edit", args=[acme.pk]), {"name": "Acme AG", "email": "a@acme.example"})
    acme.refresh_from_db()
    assert acme.name == "Acme AG"
    signed_in.post(reverse("projects:client-archive", args=[acme.pk]))
    acme.refresh_from_db()
    assert acme.archived_at
    signed_in.post(reverse("projects:client-archive", args=[acme.pk]))
    acme.refresh_from_db()
    assert acme.archived_at is None


def test_contacts_are_added_changed_and_removed_in_place(signed_in, acme):
    htmx = {"HX-Request": "true"}
    add = reverse("projects:contact-new", args=[acme.pk])
    bad = signed_in.post(add, {"name": "Jana", "email": "nowhere"}, headers=htmx)
    assert (bad.status_code, Contact.objects.count()) == (422, 0)
    good = signed_in.post(add, {"name": "Jana", "email": "j@acme.example"}, headers=htmx)
    assert good["HX-Retarget"] == "#contacts"
    assert b"j@acme.example" in good.content
    contact = Contact.objects.get()
    edit = reverse("projects:contact-edit", args=[contact.pk])
    signed_in.post(edit, {"name": "Jana Brandt", "email": "j@acme.example", "role": "signs"}, headers=htmx)
    contact.refresh_from_db()
    assert contact.name == "Jana Brandt"
    plain = signed_in.post(reverse("projects:contact-remove", args=[contact.pk]))
    assert plain["Location"] == reverse("projects:client", args=[acme.pk])
    assert not Contact.objects.exists()


@pytest.mark.parametrize(("name", "method"), [("contact-edit", "get"), ("contact-remove", "post")])
def test_contacts_are_hidden_from_strangers_and_the_signed_out(client, stranger, acme, name, method):
    contact = make.make_contact(client=acme)
    page_rules.hides_from_strangers(client, stranger, f"projects:{name}", contact.pk, method=method)
    page_rules.sends_to_sign_in(client, f"projects:{name}", contact.pk, method=method)


def test_contact_and_archive_addresses_refuse_the_wrong_method(signed_in, acme):
    contact = make.make_contact(client=acme)
    page_rules.refuses(signed_in, "get", "projects:contact-remove", contact.pk)
    page_rules.refuses(signed_in, "put", "projects:contact-edit", contact.pk)
    page_rules.refuses(signed_in, "get", "projects:client-archive", acme.pk)


def test_archiving_is_hidden_from_strangers_and_the_signed_out(client, stranger, acme):
    page_rules.hides_from_strangers(client, stranger, "projects:client-archive", acme.pk, method="post")
    page_rules.sends_to_sign_in(client, "projects:client-archive", acme.pk, method="post")


def test_a_reviewer_looks_and_is_offered_no_change(client, reviewer, acme):
    client.force_login(reviewer.user)
    text = page_rules.opens(client, "projects:client", acme.pk)
    assert reverse("projects:client-edit", args=[acme.pk]) not in text
    assert client.get(reverse("projects:client-edit", args=[acme.pk])).status_code == 403
    assert client.post(reverse("projects:client-archive", args=[acme.pk])).status_code == 403


# --- cost ---------------------------------------------------------------------------------------
def test_the_list_costs_the_same_for_one_client_and_for_many(signed_in, workspace, django_assert_max_num_queries):
    for i in range(12):
        engagement = make.make_engagement(client=make.make_client(workspace=workspace, name=f"Client {i:02}"))
        make.make_milestone(engagement=engagement)
    with django_assert_max_num_queries(4):
        signed_in.get(reverse("projects:client-list"))


def test_a_clients_page_is_cheap(signed_in, acme, django_assert_max_num_queries):
    for _ in range(5):
        make.make_contact(client=acme)
        make.make_milestone(engagement=make.make_engagement(client=acme))
    with django_assert_max_num_queries(11):  # the parts of other apps included
        signed_in.get(reverse("projects:client", args=[acme.pk]))
