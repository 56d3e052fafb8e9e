"""How allauth behaves here: entry by invitation only, every guess counted, every change of access in the trail."""

import logging
from typing import Any
from urllib.parse import quote, urlsplit

from allauth.account import signals as account_signals
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import ChangePasswordForm, ResetPasswordForm, default_token_generator
from allauth.account.internal.flows.login import get_authentication_records, perform_login, record_authentication
from allauth.account.internal.userkit import filter_users_by_email
from allauth.account.models import Login
from allauth.account.utils import user_pk_to_url_str
from allauth.core import context as allauth_context
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import signals as mfa_signals
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import LoginWebAuthnForm
from allauth.mfa.webauthn.internal.auth import parse_authentication_response
from django import forms
from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from projects.access import Actor
from projects.idle import note_presence
from projects.models import User
from projects.secrets import open_text, seal_text
from projects.services.audit import record
from projects.services.guards import (
    ADDRESS,
    MAIL,
    SECOND_FACTOR,
    SIGN_IN,
    Limit,
    TooManyTriesError,
    count_try,
    give_back,
    network_of,
)
from projects.services.mail import finish_when_sent, queue_mail, queue_unfinished
from projects.services.people import actor_of

logger = logging.getLogger(__name__)

SECOND_FACTOR_PLACE = "mfa_authenticator|data"  # allauth does not tell the row
NO_KEY_YET = "key-is-put-in-when-sent"
CODE_LIVES = 120  # seconds; longer than any code of an app is right
KINDS = {
    Authenticator.Type.TOTP: "authenticator-app",
    Authenticator.Type.WEBAUTHN: "passkey",
    Authenticator.Type.RECOVERY_CODES: "recovery-codes",
}


def count_guess(limit: Limit, *, subject: str, address: str) -> None:
    """Count a guess against the account and against where it comes from, as an error that a form shows."""
    try:
        count_try(ADDRESS, subject=network_of(address))
        count_try(limit, subject=subject)
    except TooManyTriesError as error:
        logger.warning("Too many tries (%s)", limit.purpose)
        raise ValidationError(str(error), code=error.code) from error


def accept_guess(limit: Limit, *, subject: str, address: str) -> None:
    """Take back the count of a right guess; the wrong ones before it stay."""
    give_back(ADDRESS, subject=network_of(address))
    give_back(limit, subject=subject)


class AccountAdapter(DefaultAccountAdapter):
    """Our rules for signing up and in."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Let nobody sign up here: the first owner has a page, everyone else an invitation."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that the middleware found, behind trusted proxies only."""
        return getattr(request, "address", "") or "0.0.0.0"  # noqa: S104  # allauth wants some address

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count the guess before the password is looked at."""
        count_guess(SIGN_IN, subject=credentials.get("email", ""), address=self.get_client_ip(request))

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """Check the password; the right one takes its count back."""
        user = super().authenticate(request, **credentials)
        if user:
            accept_guess(SIGN_IN, subject=credentials.get("email", ""), address=self.get_client_ip(request))
        return user

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Write the failure to the trail: of the account's workspace, else of the site, without the address tried."""
        user = User.objects.filter(email__iexact=credentials.get("email", "")).first()
        note(request, user, "sign-in.failed", factor="password")

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Point to the site's own address; no request is needed."""
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return f"{settings.SITE_URL}{path.replace('UID-KEY', quote(key))}"

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        """Point to the site's own address, whatever host the request named."""
        return _on_our_site(super().get_email_confirmation_url(request, emailconfirmation))

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Write a letter into the outbox."""
        if _may_be_mailed(email, template_prefix):
            subject, body = self.write(template_prefix, email, context)
            queue_mail(workspace=None, to=email, subject=subject, body=body)

    def write(self, template_prefix: str, email: str, context: dict[str, Any]) -> tuple[str, str]:
        """Write a letter: its subject and its words."""
        host = urlsplit(settings.SITE_URL).netloc
        said = {"email": email, "current_site": {"name": host, "domain": host}, **context}
        letter = self.render_mail(template_prefix, email, said)
        return letter.subject, letter.body


def _may_be_mailed(email: str, what: str) -> bool:
    """Count a letter to an address; none may be flooded."""
    try:
        count_try(MAIL, subject=email)
    except TooManyTriesError:
        logger.warning("A letter was held back: too many to one address (%s)", what)
        return False
    return True


def put_key_in(email: str, words: str) -> str | None:
    """Put the key of a new password into its letter; None without an account of that address."""
    user = next(iter(filter_users_by_email(email, is_active=True, prefer_verified=True, for_login=True)), None)
    if user is None:
        return None
    return words.replace(NO_KEY_YET, f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}")


finish_when_sent("password-reset", put_key_in)


def enter_with_new_password(request: HttpRequest, user: User) -> HttpResponse:
    """Sign in the person who chose the account's password in this very request: no page asks for it again at once."""
    record_authentication(request, user, method="password", reauthenticated=True)
    response: HttpResponse = perform_login(request, Login(user=user))
    return response


def _on_our_site(address: str) -> str:
    return f"{settings.SITE_URL}{urlsplit(address).path}"


class MFAAdapter(DefaultMFAAdapter):
    """Our rules for second factors: their secrets lie sealed."""

    def encrypt(self, text: str) -> str:
        """Seal a secret for the database."""
        return seal_text(text, context=SECOND_FACTOR_PLACE)

    def decrypt(self, encrypted_text: str) -> str:
        """Open a sealed secret."""
        return open_text(encrypted_text, context=SECOND_FACTOR_PLACE)

    def get_totp_issuer(self) -> str:
        """Name the product in the authenticator app."""
        return "Freelance ML"


class CountedCode:
    """A form whose code may be guessed only so often."""

    user: User

    def clean_code(self) -> str:
        """Count the guess, then check the code."""
        where = {"subject": str(self.user.pk), "address": current_address()}
        count_guess(SECOND_FACTOR, **where)
        code: str = super().clean_code()  # type: ignore[misc]  # mixed into allauth's forms
        # allauth remembers a used code for one period, but with tolerance it would be right for three.
        if not cache.add(f"used-code:{self.user.pk}:{normalize_user_code(code)}", "", timeout=CODE_LIVES):
            raise ValidationError("This code was used already. Wait for the next one.", code="code-used")
        accept_guess(SECOND_FACTOR, **where)
        return code


class SecondFactorForm(CountedCode, AuthenticateForm):
    """The second step of signing in."""


class SecondFactorAgainForm(CountedCode, ReauthenticateForm):
    """The second factor as proof before a change."""


class ActivateAppForm(CountedCode, ActivateTOTPForm):
    """The first code of a new authenticator app."""


class CredentialField(forms.JSONField):
    """What a passkey said, as strangers may send it."""

    def to_python(self, value: Any) -> Any:
        """Refuse what no reader of JSON gets through."""
        try:
            return super().to_python(value)
        except (ValueError, RecursionError) as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error


class PasskeyForm(LoginWebAuthnForm):
    """A passkey in place of password and second factor."""

    credential = CredentialField(widget=forms.HiddenInput)

    def clean_credential(self) -> Authenticator:
        """Ask for the holder's proof: allauth would also take a challenge of a step where a touch is enough."""
        try:
            authenticator: Authenticator = super().clean_credential()
        except (AttributeError, KeyError, RecursionError) as error:
            raise MFAAdapter().validation_error("incorrect_code") from error
        said = parse_authentication_response(self.cleaned_data["credential"])
        if not said.response.authenticator_data.is_user_verified():
            raise MFAAdapter().validation_error("incorrect_code")
        return authenticator


class NewPasswordForm(ChangePasswordForm):
    """A new password against the old one."""

    def clean_oldpassword(self) -> str:
        """Count the guess, then check the old password."""
        where = {"subject": self.user.email, "address": current_address()}
        count_guess(SIGN_IN, **where)
        password: str = super().clean_oldpassword()
        accept_guess(SIGN_IN, **where)
        return password


class ForgottenPasswordForm(ResetPasswordForm):
    """Asks for the letter with the link."""

    def clean_email(self) -> str:
        """Count the wish against where it comes from; the answer is the same for every address."""
        try:
            count_try(ADDRESS, subject=network_of(current_address()))
        except TooManyTriesError as error:
            raise ValidationError(str(error), code=error.code) from error
        return AccountAdapter().clean_email(self.cleaned_data["email"].lower())

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        """Ask for the letter without a look at the accounts: how long that takes tells nothing about the address."""
        email: str = self.cleaned_data["email"]
        if _may_be_mailed(email, "password-reset"):
            adapter = AccountAdapter()
            address = adapter.get_reset_password_from_key_url(NO_KEY_YET)
            letter = adapter.write("account/email/password_reset_key", email, {"password_reset_url": address})
            queue_unfinished("password-reset", to=email, subject=letter[0], body=letter[1])
        return email


def current_address() -> str:
    """Return where the request that is being answered comes from."""
    return AccountAdapter().get_client_ip(allauth_context.request)


# --- the trail -----------------------------------------------------------------------------------
def note(request: HttpRequest | None, user: User | None, action: str, **detail: Any) -> None:
    """Write an act about an account to the trail of its workspace, else of the site."""
    address = getattr(request, "address", "") or ""
    request_id = getattr(request, "id", "")
    actor: Actor | None = getattr(request, "actor", None)
    if user is not None and (actor is None or actor.user != user):
        actor = actor_of(user=user, address=address, request_id=request_id)
    record(by=actor, action=action, target=user, detail=detail, address=address, request_id=request_id)


@receiver(user_logged_in)
def on_sign_in(sender: Any, request: HttpRequest, user: User, **rest: Any) -> None:
    """Note who signed in and by what, and begin to count how long they stay."""
    note_presence(request)
    records = get_authentication_records(request, user)
    note(request, user, "sign-in.done", by=[item.get("type") or item["method"] for item in records])


@receiver(user_logged_out)
def on_sign_out(sender: Any, request: HttpRequest, user: User | None, **rest: Any) -> None:
    """Note who signed out."""
    if user is not None:
        note(request, user, "sign-out.done")


@receiver(mfa_signals.authentication_failed)
def on_wrong_code(sender: Any, request: HttpRequest, user: User, **rest: Any) -> None:
    """Note a wrong second factor."""
    note(request, user, "sign-in.failed", factor="code")


@receiver(mfa_signals.authenticator_added)
def on_factor_added(sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **rest: Any) -> None:
    """Note a new second factor."""
    note(request, user, "second-factor.added", kind=KINDS[authenticator.type])


@receiver(mfa_signals.authenticator_removed)
def on_factor_removed(sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **rest: Any) -> None:
    """Note a removed second factor."""
    note(request, user, "second-factor.removed", kind=KINDS[authenticator.type])


@receiver(mfa_signals.authenticator_reset)
def on_factor_reset(sender: Any, request: HttpRequest, user: User, authenticator: Authenticator, **rest: Any) -> None:
    """Note new recovery codes."""
    note(request, user, "second-factor.reset", kind=KINDS[authenticator.type])


@receiver(account_signals.password_changed)
@receiver(account_signals.password_reset)
def on_password_changed(sender: Any, request: HttpRequest, user: User, **rest: Any) -> None:
    """Note a new password."""
    note(request, user, "password.changed")


@receiver(account_signals.email_changed)
def on_address_changed(sender: Any, request: HttpRequest, user: User, **rest: Any) -> None:
    """Note a new address."""
    note(request, user, "e-mail.changed")
