"""Who is behind a browser's session: asked with every request, so read with prepared queries."""

import uuid
from datetime import datetime

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils import timezone

from projects.models import User
from projects.prepared import Prepared
from projects.services.people import memberships_with_user


@Prepared
def _sessions(key: str, now: datetime) -> QuerySet[Session]:
    return Session.objects.filter(session_key=key, expire_date__gt=now)


@Prepared
def _users(user: uuid.UUID) -> QuerySet[User]:
    return User.objects.filter(pk=user)


class SessionStore(db.SessionStore):
    """Sessions in the database, as Django keeps them."""

    def _get_session_from_db(self) -> Session | None:
        found = _sessions(self.session_key or "", timezone.now())
        if not found:
            self._session_key = None
            return None
        return found[0]


class AccountBackend(AuthenticationBackend):
    """Accounts as allauth knows them."""

    def get_user(self, user_id: uuid.UUID) -> User | None:
        """Find the person of a session, as long as they may sign in, and what they are a member of."""
        memberships = memberships_with_user(user_id)
        found = [memberships[0].user] if memberships else _users(user_id)
        if not found or not self.user_can_authenticate(found[0]):
            return None
        vars(found[0])["found_memberships"] = memberships  # for the middleware of the same request
        return found[0]
