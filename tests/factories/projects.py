"""Rows of the ground."""

import itertools
from datetime import date

from projects.access import Actor, Role
from projects.models import Client, Contact, Engagement, Membership, Milestone, User, Workspace

count = itertools.count(1)


def make_user(**fields):
    fields.setdefault("email", f"person{next(count)}@example.com")
    return User.objects.create_user(password=fields.pop("password", "correct-horse-battery"), **fields)


def make_workspace(**fields):
    fields.setdefault("name", f"Workspace {next(count)}")
    return Workspace.objects.create(**fields)


def make_membership(**fields):
    fields.setdefault("role", Role.OWNER)
    workspace = fields.pop("workspace", None) or make_workspace()
    user = fields.pop("user", None) or make_user()
    return Membership.objects.create(workspace=workspace, user=user, **fields)


def make_actor(*, role=Role.OWNER, workspace=None, user=None, **fields):
    membership = make_membership(workspace=workspace, user=user, role=role)
    return Actor(
        workspace=membership.workspace,
        role=role,
        user=membership.user,
        name=str(membership.user),
        **fields,
    )


def make_client(*, workspace=None, **fields):
    fields.setdefault("name", f"Client {next(count)}")
    return Client.objects.create(workspace=workspace or make_workspace(), **fields)


def make_contact(*, client=None, workspace=None, **fields):
    fields.setdefault("name", "Carla Client")
    fields.setdefault("email", "carla@client.example")
    return Contact.objects.create(client=client or make_client(workspace=workspace), **fields)


def make_engagement(*, client=None, workspace=None, **fields):
    fields.setdefault("title", f"Engagement {next(count)}")
    fields.setdefault("currency", "EUR")
    return Engagement.objects.create(client=client or make_client(workspace=workspace), **fields)


def make_milestone(*, engagement=None, workspace=None, **fields):
    fields.setdefault("title", f"Milestone {next(count)}")
    fields.setdefault("due_on", date(2026, 12, 1))
    return Milestone.objects.create(engagement=engagement or make_engagement(workspace=workspace), **fields)
