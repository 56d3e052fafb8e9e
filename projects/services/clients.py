"""Changes to clients and their contacts."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from projects.access import Actor
from projects.errors import DomainError
from projects.models import Client, Contact
from projects.services.audit import record

CLIENT_FIELDS = ("name", "email", "address", "country", "tax_id", "notes")
CONTACT_FIELDS = ("name", "email", "role")


class ClientNameTakenError(DomainError):
    """Raised when the workspace already has a client of that name."""

    code = "client-name-taken"
    template = "There is already a client named “{name}”. Open that one, or give this one another name."


@transaction.atomic
def create_client(*, by: Actor, name: str, **fields: Any) -> Client:
    """Add a client to the actor's workspace.

    Raises ClientNameTakenError.
    """
    by.must_write()
    _name_is_free(by, name)
    client = Client.objects.create(workspace=by.workspace, name=name, **_known(fields, CLIENT_FIELDS))
    record(by=by, action="client.created", target=client)
    return client


@transaction.atomic
def update_client(*, client: Client, by: Actor, **fields: Any) -> Client:
    """Change a client's particulars; what stays the same is not recorded.

    Raises ClientNameTakenError.
    """
    by.must_write()
    locked = Client.objects.visible_to(by).select_for_update().get(pk=client.pk)
    if "name" in fields:
        _name_is_free(by, fields["name"], but=locked)
    if changed := assign(locked, _known(fields, CLIENT_FIELDS)):
        locked.save(update_fields=changed)
        record(by=by, action="client.changed", target=locked, detail={"fields": changed})
    return locked


@transaction.atomic
def archive_client(*, client: Client, by: Actor) -> Client:
    """Put a client out of the lists; engagements and papers stay. Twice changes nothing."""
    by.must_write()
    locked = Client.objects.visible_to(by).select_for_update().get(pk=client.pk)
    if locked.archived_at is None:
        locked.archived_at = timezone.now()
        locked.save(update_fields=["archived_at"])
        record(by=by, action="client.archived", target=locked)
    return locked


@transaction.atomic
def restore_client(*, client: Client, by: Actor) -> Client:
    """Bring an archived client back into the lists. Twice changes nothing."""
    by.must_write()
    locked = Client.objects.visible_to(by).select_for_update().get(pk=client.pk)
    if locked.archived_at is not None:
        locked.archived_at = None
        locked.save(update_fields=["archived_at"])
        record(by=by, action="client.restored", target=locked)
    return locked


@transaction.atomic
def add_contact(*, client: Client, by: Actor, **fields: Any) -> Contact:
    """Add a person to a client."""
    by.must_write()
    locked = Client.objects.visible_to(by).select_for_update().get(pk=client.pk)
    contact = Contact.objects.create(client=locked, **_known(fields, CONTACT_FIELDS))
    record(by=by, action="contact.added", target=locked)
    return contact


@transaction.atomic
def update_contact(*, contact: Contact, by: Actor, **fields: Any) -> Contact:
    """Change a contact's particulars."""
    by.must_write()
    locked = Contact.objects.visible_to(by).select_related("client").select_for_update(of=("self",)).get(pk=contact.pk)
    if changed := assign(locked, _known(fields, CONTACT_FIELDS)):
        locked.save(update_fields=changed)
        record(by=by, action="contact.changed", target=locked.client, detail={"fields": changed})
    return locked


@transaction.atomic
def remove_contact(*, contact: Contact, by: Actor) -> None:
    """Remove a person from a client."""
    by.must_write()
    locked = Contact.objects.visible_to(by).select_related("client").select_for_update(of=("self",)).get(pk=contact.pk)
    client = locked.client
    locked.delete()
    record(by=by, action="contact.removed", target=client)


def assign(row: Any, fields: dict[str, Any]) -> list[str]:
    """Set the fields of a row that differ and return their names."""
    changed = [name for name, value in fields.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, fields[name])
    return changed


def _known(fields: dict[str, Any], allowed: tuple[str, ...]) -> dict[str, Any]:
    unknown = set(fields) - set(allowed)
    if unknown:
        message = f"These cannot be set here: {', '.join(sorted(unknown))}."
        raise TypeError(message)
    return fields


def _name_is_free(by: Actor, name: str, but: Client | None = None) -> None:
    same = Client.objects.visible_to(by).filter(name=name)
    if but is not None:
        same = same.exclude(pk=but.pk)
    if same.exists():
        raise ClientNameTakenError(name=name)
