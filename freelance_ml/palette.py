"""The palette's page part, and what it finds on the ground."""

from collections.abc import Iterable

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from projects.access import Actor
from projects.filters import search_words
from projects.models import Client, Engagement, Job, Milestone
from projects.palette import Entry, find, register_actions, register_source
from projects.web import ActorRequest, member


@require_GET
@member
def palette(request: ActorRequest) -> HttpResponse:
    """Show what the words find."""
    words = search_words(request)[:80]
    groups = find(request.actor, words)
    return render(request, "components/palette_results.html", {"groups": groups, "words": words})


def _clients(actor: Actor, words: str, limit: int) -> Iterable[Entry]:
    for client in Client.objects.visible_to(actor).filter(name__icontains=words, archived_at=None)[:limit]:
        yield Entry(client.name, reverse("projects:client", args=[client.pk]), icon="users")


def _engagements(actor: Actor, words: str, limit: int) -> Iterable[Entry]:
    found = Engagement.objects.visible_to(actor).filter(title__icontains=words).select_related("client")[:limit]
    for row in found:
        yield Entry(row.title, reverse("projects:engagement", args=[row.pk]), what=row.client.name, icon="briefcase")


def _milestones(actor: Actor, words: str, limit: int) -> Iterable[Entry]:
    found = Milestone.objects.visible_to(actor).filter(title__icontains=words).select_related("engagement")[:limit]
    for row in found:
        yield Entry(row.title, reverse("projects:milestone", args=[row.pk]), what=row.engagement.title, icon="flag")


def _jobs(actor: Actor, words: str, limit: int) -> Iterable[Entry]:
    for job in Job.objects.visible_to(actor).filter(title__icontains=words)[:limit]:
        yield Entry(str(job), reverse("projects:job", args=[job.pk]), what=job.get_state_display(), icon="cpu")


def _places(actor: Actor, words: str, limit: int) -> Iterable[Entry]:
    yield Entry("Go to the dashboard", reverse("dashboard"), icon="layout-dashboard", words="home start")
    yield Entry("Go to clients", reverse("projects:client-list"), icon="users")
    yield Entry("Go to engagements", reverse("projects:engagement-list"), icon="briefcase", words="projects contracts")
    yield Entry("Go to settings", reverse("projects:settings"), icon="settings", words="workspace preferences")
    yield Entry("Security", reverse("projects:settings-security"), icon="shield", words="password passkeys settings")
    yield Entry("People and roles", reverse("projects:settings-people"), icon="user-plus", words="invite settings team")
    yield Entry("API tokens", reverse("projects:settings-tokens"), icon="key", words="settings keys")
    yield Entry("Audit trail", reverse("projects:settings-audit"), icon="history", words="settings log")
    yield Entry("Go to jobs", reverse("projects:job-list"), icon="cpu", words="queue running failed")


def _actions(actor: Actor, words: str, limit: int) -> Iterable[Entry]:
    if actor.may_write:
        yield Entry("New client", reverse("projects:client-new"), icon="plus", words="add create customer")
        yield Entry(
            "New engagement", reverse("projects:engagement-new"), icon="plus", words="add create project contract"
        )


def _appearance(actor: Actor, words: str, limit: int) -> Iterable[Entry]:
    address = reverse("theme")
    yield Entry("Use the light theme", address, icon="sun", words="appearance", post=("theme", "light"))
    yield Entry("Use the dark theme", address, icon="moon", words="appearance night", post=("theme", "dark"))
    yield Entry(
        "Follow the system's theme", address, icon="device-desktop", words="appearance", post=("theme", "system")
    )


register_source("Clients", _clients)
register_source("Engagements", _engagements)
register_source("Milestones", _milestones)
register_source("Jobs", _jobs)
register_actions("new", _actions)
register_actions("go", _places)
register_actions("appearance", _appearance)
