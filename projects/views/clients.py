"""Pages of clients and their contacts."""

from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from projects.filters import FIRST, chips, chosen, order_of, page_of, search_words
from projects.forms.clients import ClientForm, ContactForm
from projects.models import Client, Contact
from projects.parts import parts_for
from projects.queries.activity import activity_of
from projects.queries.clients import clients_of, first_clients, owed_by
from projects.queries.engagements import engagements_of
from projects.services import clients
from projects.services.clients import ClientNameTakenError
from projects.web import ActorRequest, member, render_page, writer

ORDERS = {
    "name": ("name", "pk"),
    "-name": ("-name", "pk"),
    "due": ("next_due", "name"),
    "-open": ("-open_engagements", "name"),
}


@require_GET
@member
def client_list(request: ActorRequest) -> HttpResponse:
    """List the workspace's clients; htmx gets the table alone."""
    archived = chosen(request, "show", ["archived"]) == "archived"
    words = search_words(request)
    order = order_of(request, ORDERS)
    first = partial(first_clients, request.actor, archived=archived, order=order, limit=FIRST)
    rows = partial(clients_of, request.actor, text=words, archived=archived)
    context = {
        "page": page_of(request, lambda: rows().order_by(*order), first=None if words else first),
        "words": words,
        "archived": archived,
        "chips": chips(request, "show", [("archived", "Archived")], everything="Current"),
    }
    return render_page(request, "projects/client_list.html", context, partial="rows")


@require_http_methods(["GET", "POST"])
@writer
def client_new(request: ActorRequest) -> HttpResponse:
    """Add a client."""
    form = ClientForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            client = clients.create_client(by=request.actor, **form.cleaned_data)
        except ClientNameTakenError as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, f"{client} is added.")
            return redirect("projects:client", client.pk)
    return _form_page(request, form, title="New client", back=reverse("projects:client-list"))


@require_GET
@member
def client_page(request: ActorRequest, client_id: UUID) -> HttpResponse:
    """Show who a client is and what is open."""
    client = _client(request, client_id)
    context = {
        "client": client,
        "contacts": client.contacts.all(),
        "engagements": engagements_of(request.actor).filter(client=client),
        "owed": owed_by(client),
        "activity": activity_of(request.actor, [client]),
        "parts": parts_for("client", "main", request.actor, client),
        "crumbs": [("Clients", reverse("projects:client-list"))],
    }
    return render_page(request, "projects/client_page.html", context)


@require_http_methods(["GET", "POST"])
@writer
def client_edit(request: ActorRequest, client_id: UUID) -> HttpResponse:
    """Change a client's particulars."""
    client = _client(request, client_id)
    name = client.name
    form = ClientForm(request.POST or None, instance=client)
    if request.method == "POST" and form.is_valid():
        try:
            clients.update_client(client=client, by=request.actor, **form.cleaned_data)
        except ClientNameTakenError as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, "Saved.")
            return redirect("projects:client", client.pk)
    back = reverse("projects:client", args=[client.pk])
    return _form_page(request, form, title=f"Edit {name}", back=back, crumb=(name, back))


@require_POST
@writer
def client_archive(request: ActorRequest, client_id: UUID) -> HttpResponse:
    """Put a client out of the lists, or bring it back."""
    client = _client(request, client_id)
    if client.archived_at:
        clients.restore_client(client=client, by=request.actor)
        messages.success(request, f"{client} is back in the list.")
    else:
        clients.archive_client(client=client, by=request.actor)
        messages.success(request, f"{client} is archived; engagements and papers stay.")
    return redirect("projects:client", client.pk)


@require_http_methods(["GET", "POST"])
@writer
def contact_new(request: ActorRequest, client_id: UUID) -> HttpResponse:
    """Add a person to a client; htmx gets the form or the new list."""
    client = _client(request, client_id)
    form = ContactForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        clients.add_contact(client=client, by=request.actor, **form.cleaned_data)
        return _contacts(request, client)
    return _contact_form(request, form, client, reverse("projects:contact-new", args=[client.pk]))


@require_http_methods(["GET", "POST"])
@writer
def contact_edit(request: ActorRequest, contact_id: UUID) -> HttpResponse:
    """Change a contact's particulars in place."""
    contact = _contact(request, contact_id)
    form = ContactForm(request.POST or None, instance=contact)
    if request.method == "POST" and form.is_valid():
        clients.update_contact(contact=contact, by=request.actor, **form.cleaned_data)
        return _contacts(request, contact.client)
    return _contact_form(request, form, contact.client, reverse("projects:contact-edit", args=[contact.pk]))


@require_POST
@writer
def contact_remove(request: ActorRequest, contact_id: UUID) -> HttpResponse:
    """Remove a person from a client."""
    contact = _contact(request, contact_id)
    client = contact.client
    clients.remove_contact(contact=contact, by=request.actor)
    return _contacts(request, client)


def _client(request: ActorRequest, client_id: UUID) -> Client:
    client: Client = get_object_or_404(Client.objects.visible_to(request.actor), pk=client_id)
    return client


def _contact(request: ActorRequest, contact_id: UUID) -> Contact:
    mine = Contact.objects.visible_to(request.actor).select_related("client")
    contact: Contact = get_object_or_404(mine, pk=contact_id)
    return contact


def _contacts(request: ActorRequest, client: Client) -> HttpResponse:
    """Return to the client's page; htmx gets the list of contacts alone."""
    if not request.htmx:
        return redirect("projects:client", client.pk)
    context = {"client": client, "contacts": client.contacts.all()}
    response = render_page(request, "projects/client_page.html", context, partial="contacts")
    response["HX-Retarget"], response["HX-Reswap"] = "#contacts", "outerHTML"
    return response


def _contact_form(request: ActorRequest, form: ContactForm, client: Client, action: str) -> HttpResponse:
    back = reverse("projects:client", args=[client.pk])
    context = {"form": form, "client": client, "action": action, "back": back, "crumbs": [(client.name, back)]}
    status = 422 if form.is_bound else 200
    return render_page(request, "projects/contact_form.html", context, partial="form", status=status)


def _form_page(
    request: ActorRequest, form: ClientForm, *, title: str, back: str, crumb: tuple[str, str] | None = None
) -> HttpResponse:
    crumbs: list[Any] = [("Clients", reverse("projects:client-list")), *([crumb] if crumb else [])]
    context = {"form": form, "title": title, "back": back, "crumbs": crumbs}
    return render_page(request, "projects/client_form.html", context, status=422 if form.is_bound else 200)
