"""The four rules of every page, as one check each; a test names the page and the rows it needs."""

from django.urls import reverse


def opens(client, name, *args, contains=()):
    """It works: 200, and it says what it should."""
    response = client.get(reverse(name, args=args))
    assert response.status_code == 200
    text = response.content.decode()
    for words in contains:
        assert words in text
    return text


def hides_from_strangers(client, stranger, name, *args, method="get"):
    """A stranger gets 404, as if the row did not exist."""
    client.force_login(stranger.user)
    assert getattr(client, method)(reverse(name, args=args)).status_code == 404


def sends_to_sign_in(client, name, *args, method="get"):
    """Who is signed out is sent to sign in."""
    client.logout()
    response = getattr(client, method)(reverse(name, args=args))
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


def refuses(client, method, name, *args):
    """The wrong method is refused."""
    assert getattr(client, method)(reverse(name, args=args)).status_code == 405
