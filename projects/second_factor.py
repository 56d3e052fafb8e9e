"""Whether someone has a second factor, and whether their workspace lets them in without one."""

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.http import HttpRequest

from projects.access import Actor
from projects.models import User

FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]  # recovery codes only stand in for one of them
OPEN_TO_ALL = {"workspace"}  # the way to another workspace of the same person


def has_second_factor(user: User) -> bool:
    """Say whether an authenticator app or a passkey is set up."""
    return bool(is_mfa_enabled(user, FACTORS))


def lacks_second_factor(actor: Actor, request: HttpRequest) -> bool:
    """Say whether the person must set up a second factor before they may enter their workspace."""
    if not actor.workspace.second_factor_required or actor.user is None or actor.via == "token":
        return False
    match = request.resolver_match
    return not (match and match.view_name in OPEN_TO_ALL) and not has_second_factor(actor.user)
