"""The freelancer's side of sharing: the links to a document, and what is said about it."""

import uuid
from contextlib import suppress
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from projects.errors import DomainError
from projects.forms.shares import CommentForm, ShareLinkForm
from projects.models import ShareLink
from projects.queries.shares import comments_on, links_of, subject_of
from projects.secrets import SealError, open_text, seal_text
from projects.services.comments import add_comment
from projects.services.sending import send_again
from projects.services.shares import address_of, create_share_link, revoke_share_link
from projects.shares import Purpose, label_of, purpose_named, purpose_of
from projects.web import ActorRequest, commenter, member, render_page, writer


def find_subject(request: ActorRequest, purpose: str, subject_id: uuid.UUID) -> tuple[Purpose, Any]:
    """Find what is to be shared among the rows that the actor may see."""
    found = purpose_named(purpose)
    subject = found and subject_of(found, subject_id=subject_id, actor=request.actor)
    if found is None or subject is None:
        raise Http404
    return found, subject


def share_context(request: ActorRequest, subject: Any) -> dict[str, Any]:
    """Give what ``shares/_links.html`` and ``shares/_comments.html`` need; pages of documents include both."""
    label = label_of(subject)
    return {
        "purpose": purpose_of(subject),
        "subject": subject,
        "address": take_address(request, subject=subject),
        "share_links": links_of(label, actor=request.actor),
        "share_form": ShareLinkForm(),
        "comments": comments_on(label, actor=request.actor),
        "comment_form": CommentForm(),
    }


def show_address_once(request: ActorRequest, *, subject: Any, address: str) -> None:
    """Keep a link's address, sealed, for the next page of its document: only its fingerprint is kept for good."""
    key = f"share-address-{label_of(subject)}"
    request.session[key] = seal_text(address, context=key)


def take_address(request: ActorRequest, *, subject: Any) -> str:
    """Return the address kept by ``show_address_once``, this once; empty if there is none."""
    key = f"share-address-{label_of(subject)}"
    sealed = request.session.pop(key, "")
    with suppress(SealError):  # its key was rotated away meanwhile
        return open_text(sealed, context=key) if sealed else ""
    return ""


@require_http_methods(["GET", "HEAD", "POST"])
@member
def share_links(request: ActorRequest, purpose: str, subject_id: uuid.UUID) -> HttpResponse:
    """List a document's links; POST makes one and shows its address this once."""
    found, subject = find_subject(request, purpose, subject_id)
    context = share_context(request, subject)
    status = 200
    if request.method == "POST":
        form = context["share_form"] = ShareLinkForm(request.POST)
        status = 422
        if form.is_valid():
            try:
                made = create_share_link(subject=subject, purpose=found, by=request.actor, **form.cleaned_data)
            except DomainError as error:
                form.add_error(None, str(error))
            else:
                context |= {"new_address": address_of(made.token), "share_form": ShareLinkForm()}
                status = 201
    return render_page(request, "shares/links.html", context, partial="links", status=status)


@require_POST
@writer
def share_revoke(request: ActorRequest, link_id: uuid.UUID) -> HttpResponse:
    """Close a link at once, and go back to its document, which says what else can be sent."""
    link = get_object_or_404(ShareLink.objects.visible_to(request.actor), pk=link_id)
    revoke_share_link(link=link, by=request.actor)
    messages.success(request, "The link is closed. Whoever had it open is out.")
    found, subject = find_subject(request, link.purpose, uuid.UUID(link.subject_id))
    return redirect(reverse(found.page, args=[subject.pk]) + "#share-links")


@require_POST
@writer
def share_again(request: ActorRequest, link_id: uuid.UUID) -> HttpResponse:
    """Send a document once more to whom a link was for; the new address is shown this once."""
    link = get_object_or_404(ShareLink.objects.visible_to(request.actor), pk=link_id)
    found, subject = find_subject(request, link.purpose, uuid.UUID(link.subject_id))
    try:
        sent = send_again(link=link, row=subject, by=request.actor)
    except DomainError as error:
        messages.error(request, str(error))
    else:
        show_address_once(request, subject=subject, address=sent.address)
        to = link.recipient_email
        way = f"A letter with a new link goes to {to}." if to else "Pass the new link on yourself."
        messages.success(request, way)
    return redirect(found.page, subject.pk)


@require_POST
@commenter
def comment_create(request: ActorRequest, purpose: str, subject_id: uuid.UUID) -> HttpResponse:
    """Answer or remark on a document, as someone of the workspace."""
    _, subject = find_subject(request, purpose, subject_id)
    form, status = CommentForm(request.POST), 422
    if form.is_valid():
        add_comment(subject=label_of(subject), by=request.actor, **form.cleaned_data)
        form, status = CommentForm(), 201
        if not getattr(request, "htmx", None):
            return redirect(reverse("projects:share-links", args=[purpose, subject_id]) + "#comments")
    context = share_context(request, subject) | {"comment_form": form}
    return render_page(request, "shares/links.html", context, partial="comments", status=status)
