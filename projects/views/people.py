"""The settings: workspace, people, tokens, security, appearance and the audit trail; and entering by invitation."""

import uuid
from typing import Any, cast

from allauth.account.decorators import reauthentication_required
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from projects.access import Actor, Role
from projects.accounts import enter_with_new_password
from projects.errors import DomainError
from projects.forms.people import (
    AppearanceForm,
    InvitationForm,
    NewAccountForm,
    RoleForm,
    TokenForm,
    TrailFilterForm,
    WorkspaceForm,
)
from projects.models import ApiToken, Invitation, Membership, User
from projects.queries.audit import find_entries
from projects.second_factor import FACTORS, has_second_factor
from projects.services import invitations, people, tokens
from projects.services.audit_checks import check_workspace
from projects.services.mail import letters_leave
from projects.web import ActorRequest, commenter, member, owner, render_page

SECTIONS = [
    ("Workspace", "projects:settings", "workspace"),
    ("People", "projects:settings-people", "people"),
    ("API tokens", "projects:settings-tokens", "tokens"),
    ("Security", "projects:settings-security", "security"),
    ("Appearance", "projects:settings-appearance", "appearance"),
    ("Audit trail", "projects:settings-audit", "audit"),
]
FORM_METHODS = ["GET", "HEAD", "POST"]
UNUSABLE = 422
PER_PAGE = 50


def show(request: HttpRequest, name: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Render a page of the settings with their menu."""
    sections = [{"label": label, "url": reverse(to), "current": part == name} for label, to, part in SECTIONS]
    return render_page(request, f"projects/settings_{name}.html", {"sections": sections, **context}, status=status)


@require_http_methods(FORM_METHODS)
@member
def workspace_settings(request: ActorRequest) -> HttpResponse:
    """Show the workspace; an owner changes its name, currency and zone."""
    workspace = request.actor.workspace
    known = {"name": workspace.name, "currency": workspace.currency, "time_zone": workspace.time_zone}
    form = WorkspaceForm(request.POST or None, initial=known)
    if request.method == "POST" and not request.actor.owns:
        raise PermissionDenied
    if request.method == "POST" and form.is_valid():
        people.change_workspace(**form.cleaned_data, by=request.actor)
        messages.success(request, "Saved.")
        return redirect("projects:settings")
    return show(request, "workspace", {"form": form}, status=UNUSABLE if form.errors else 200)


# --- people --------------------------------------------------------------------------------------
@require_http_methods(FORM_METHODS)
@member
def people_settings(request: ActorRequest) -> HttpResponse:
    """List people and invitations; an owner invites, and sees the link this once."""
    context: dict[str, Any] = {"form": InvitationForm()}
    status = 200
    if request.method == "POST":
        if not request.actor.owns:
            raise PermissionDenied
        context["form"] = form = InvitationForm(request.POST)
        status = UNUSABLE
        if form.is_valid():
            email, role = form.cleaned_data["email"], Role(form.cleaned_data["role"])
            try:
                invitation, token = invitations.invite(email=email, role=role, by=request.actor)
            except DomainError as error:
                form.add_error("email", str(error))
            else:
                # Whoever holds the link proves to be the invited. Where letters leave, it goes to their address alone.
                link = "" if letters_leave() else invitations.address_of(token)
                context |= {"form": InvitationForm(), "invited": invitation, "link": link}
                status = 201
    context["people"] = Membership.objects.visible_to(request.actor).select_related("user")
    invited = Invitation.objects.visible_to(request.actor).select_related("invited_by")
    context["invitations"] = [found for found in invited if found.is_open]
    context["roles"] = Role.choices
    return show(request, "people", context, status=status)


@require_POST
@owner
def member_role(request: ActorRequest, membership_id: uuid.UUID) -> HttpResponse:
    """Give a person another role."""
    membership = get_object_or_404(Membership.objects.visible_to(request.actor), pk=membership_id)
    form = RoleForm(request.POST)
    if form.is_valid():
        try:
            people.change_role(membership=membership, role=Role(form.cleaned_data["role"]), by=request.actor)
            messages.success(request, f"{membership.user} has a new role.")
        except DomainError as error:
            messages.error(request, str(error))
    return redirect("projects:settings-people")


@require_POST
@commenter
def member_remove(request: ActorRequest, membership_id: uuid.UUID) -> HttpResponse:
    """Take a person out of the workspace; everyone may leave it."""
    membership = get_object_or_404(Membership.objects.visible_to(request.actor), pk=membership_id)
    try:
        people.remove_member(membership=membership, by=request.actor)
        messages.success(request, f"{membership.user} is no longer in {request.actor.workspace}.")
    except DomainError as error:
        messages.error(request, str(error))
    return redirect("projects:settings-people")


@require_POST
@owner
def invitation_withdraw(request: ActorRequest, invitation_id: uuid.UUID) -> HttpResponse:
    """Close an invitation before it is used."""
    invitation = get_object_or_404(Invitation.objects.visible_to(request.actor), pk=invitation_id)
    invitations.withdraw(invitation=invitation, by=request.actor)
    messages.success(request, "The invitation is withdrawn; its link no longer works.")
    return redirect("projects:settings-people")


@sensitive_post_parameters("password")
@require_http_methods(FORM_METHODS)
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Let the invited in: with the account they have, else with a new one."""
    found = invitations.find_invitation(token)
    if found is None:
        return render_page(request, "projects/invitation_over.html", status=404)
    user = request.user if request.user.is_authenticated else None
    has_account = User.objects.filter(email__iexact=found.email).exists()
    form = NewAccountForm((request.POST or None) if user is None else None, known_email=found.email)
    context = {"invitation": found, "form": form, "has_account": has_account}
    context["is_other"] = user is not None and user.email.lower() != found.email
    if request.method != "POST" or (user is None and not form.is_valid()):
        return _private(render_page(request, "projects/invitation.html", context, status=_status(form)))
    fields = {} if user else {key: form.cleaned_data[key] for key in ("name", "password")}
    try:
        membership = invitations.accept(token=token, user=user, **fields)
    except DomainError as error:
        messages.error(request, str(error))
        return _private(render_page(request, "projects/invitation.html", context, status=UNUSABLE))
    request.session["workspace"] = str(membership.workspace_id)
    messages.success(request, f"Welcome to {membership.workspace}.")
    return redirect("dashboard") if user else enter_with_new_password(request, membership.user)


def _status(form: NewAccountForm) -> int:
    return UNUSABLE if form.errors else 200


def _private(response: HttpResponse) -> HttpResponse:
    """Keep the page, whose address is a key, out of caches, indexes and the next site's log."""
    response["Cache-Control"] = "private, no-store"
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response


# --- tokens --------------------------------------------------------------------------------------
@require_http_methods(FORM_METHODS)
@commenter
def token_settings(request: ActorRequest) -> HttpResponse:
    """List the tokens that the actor may see."""
    if request.method == "POST":
        return token_create(request)
    return _show_tokens(request, TokenForm())


@reauthentication_required
def token_create(request: ActorRequest) -> HttpResponse:
    """Make a token and show its text this once."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _show_tokens(request, form, status=UNUSABLE)
    name, days = form.cleaned_data["name"], form.cleaned_data["days"]
    token, text = tokens.create_token(name=name, scopes=form.scopes, days=days, by=request.actor)
    return _show_tokens(request, TokenForm(), made=token, text=text, status=201)


def _show_tokens(request: ActorRequest, form: TokenForm, *, status: int = 200, **context: Any) -> HttpResponse:
    rows = ApiToken.objects.visible_to(request.actor).select_related("user")
    if not request.actor.owns:
        rows = rows.filter(user=request.actor.user)
    return show(request, "tokens", {"form": form, "tokens": rows, **context}, status=status)


@require_POST
@commenter
def token_revoke(request: ActorRequest, token_id: uuid.UUID) -> HttpResponse:
    """End a token."""
    rows = ApiToken.objects.visible_to(request.actor)
    if not request.actor.owns:
        rows = rows.filter(user=request.actor.user)
    token = get_object_or_404(rows, pk=token_id)
    tokens.revoke_token(token=token, by=request.actor)
    messages.success(request, f"{token.name} no longer works.")
    return redirect("projects:settings-tokens")


# --- oneself -------------------------------------------------------------------------------------
@require_GET
@commenter
def security_settings(request: ActorRequest) -> HttpResponse:
    """Show how the account is protected and where to change it."""
    factors = list(Authenticator.objects.filter(user_id=request.user.pk))
    kinds = [factor.type for factor in factors]
    people_here = Membership.objects.visible_to(request.actor)
    context = {
        "people": people_here.count(),
        "protected": people_here.filter(user__authenticator__type__in=FACTORS).distinct().count(),
        "has_app": Authenticator.Type.TOTP in kinds,
        "passkeys": kinds.count(Authenticator.Type.WEBAUTHN),
        "codes_left": sum(len(f.wrap().get_unused_codes()) for f in factors if f.type == "recovery_codes"),
        "has_codes": Authenticator.Type.RECOVERY_CODES in kinds,
    }
    return show(request, "security", context)


@require_POST
@owner
@reauthentication_required
def second_factor_demand(request: ActorRequest) -> HttpResponse:
    """Demand a second factor of everyone in the workspace, or no longer."""
    demanded = request.POST.get("demanded") == "yes"
    try:
        people.demand_second_factor(demanded=demanded, by=request.actor)
        messages.success(request, "Saved.")
    except DomainError as error:
        messages.error(request, str(error))
    return redirect("projects:settings-security")


@require_GET
def second_factor(request: HttpRequest) -> HttpResponse:
    """Lead someone whose workspace demands a second factor to setting one up."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    user = request.user
    actor: Actor | None = getattr(request, "actor", None)
    if actor is None or not actor.workspace.second_factor_required or has_second_factor(user):
        return redirect("dashboard")
    others = Membership.objects.filter(user=user).exclude(workspace=actor.workspace).select_related("workspace")
    return render_page(request, "projects/second_factor.html", {"workspace": actor.workspace, "others": others})


@require_http_methods(FORM_METHODS)
@commenter
def appearance_settings(request: ActorRequest) -> HttpResponse:
    """Choose the own name and theme."""
    user = cast("User", request.user)
    form = AppearanceForm(request.POST or None, initial={"name": user.name, "theme": user.theme})
    if request.method == "POST" and form.is_valid():
        people.change_name(user=user, name=form.cleaned_data["name"], by=request.actor)
        people.change_appearance(user=user, theme=form.cleaned_data["theme"])
        messages.success(request, "Saved.")
        return redirect("projects:settings-appearance")
    return show(request, "appearance", {"form": form}, status=UNUSABLE if form.errors else 200)


# --- the trail -----------------------------------------------------------------------------------
@require_http_methods(FORM_METHODS)
@commenter
def audit_settings(request: ActorRequest) -> HttpResponse:
    """Show the audit trail; POST checks it from its first entry to its last."""
    check = check_workspace(by=request.actor) if request.method == "POST" else None
    form = TrailFilterForm(request.GET)
    wished = form.cleaned_data if form.is_valid() else {}
    page = Paginator(find_entries(by=request.actor, **wished), PER_PAGE).get_page(request.GET.get("page"))
    return show(request, "audit", {"page": page, "form": form, "check": check})
