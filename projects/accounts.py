"""How allauth behaves here: nobody signs up uninvited after the first owner."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from projects.models import User


class AccountAdapter(DefaultAccountAdapter):
    """Our rules for signing up and in."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Let the first person sign up; afterwards only the invited."""
        return not User.objects.exists()
