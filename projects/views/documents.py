"""The freelancer's side of any document that goes by link: previewed, sent, downloaded."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from projects.errors import DomainError
from projects.forms.shares import ShareLinkForm
from projects.models import Client
from projects.queries.shares import answer_to
from projects.shares import purpose_named
from projects.views.rooms import Room
from projects.views.share_links import show_address_once
from projects.web import ActorRequest, member, writer


def send_form(client: Client, *, days: int) -> ShareLinkForm:
    """Offer the client's first contact as who gets the link."""
    contact = client.contacts.first()
    to = {"recipient_name": contact.name, "recipient_email": contact.email} if contact else {}
    return ShareLinkForm(initial=to | {"days": days})


@require_GET
@member
def document_preview(request: ActorRequest, purpose: str, subject_id: uuid.UUID) -> HttpResponse:
    """Show a document as the client will see it; nothing is recorded."""
    page, room, row = _document(request, purpose, subject_id)
    try:
        return room.preview(request, row, actor=request.actor)
    except DomainError as error:
        messages.error(request, str(error))
        return redirect(page, row.pk)


@require_POST
@writer
def document_send(request: ActorRequest, purpose: str, subject_id: uuid.UUID) -> HttpResponse:
    """Send a document by link, and by mail where an address is given."""
    page, room, row = _document(request, purpose, subject_id)
    form = ShareLinkForm(request.POST)
    if not form.is_valid():
        messages.error(request, said(form))
        return redirect(page, row.pk)
    to = {name.removeprefix("recipient_"): value for name, value in form.cleaned_data.items()}
    try:
        sent = room.send(row, by=request.actor, **to)
    except DomainError as error:
        messages.error(request, str(error))
    else:
        show_address_once(request, subject=row, address=sent.address)
        way = f"A letter with the link goes to {to['email']}." if to["email"] else "Pass the link on yourself."
        messages.success(request, f"{room.told(sent.row)} {way}")
    return redirect(page, row.pk)


@require_GET
@member
def document_file(request: ActorRequest, purpose: str, subject_id: uuid.UUID, form: str = "pdf") -> HttpResponse:
    """Download a document in one of its forms."""
    _, room, row = _document(request, purpose, subject_id)
    if form not in room.files:
        raise Http404
    return room.file(row, form, answer_to(row, actor=request.actor))


def said(form: forms.Form) -> str:
    """Write a form's errors as one text that names the fields."""
    return " ".join(
        f"{form[name].label}: {error}" if name in form.fields else str(error)
        for name, errors in form.errors.items()
        for error in errors
    )


def _document(request: ActorRequest, purpose: str, subject_id: uuid.UUID) -> tuple[str, Room, Any]:
    """Find a document among the rows that the actor may see, with its page's name and its room."""
    found = purpose_named(purpose)
    if found is None:
        raise Http404
    room = found.load_room()
    return found.page, room, get_object_or_404(room.rows().visible_to(request.actor), pk=subject_id)
