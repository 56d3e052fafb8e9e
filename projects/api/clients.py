"""For whom the work is done."""

from typing import Any, ClassVar

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from projects.api.base import (
    ChangeRows,
    CreateRows,
    DeleteRows,
    ReadRows,
    ScopedFilterSet,
    ScopedModelSerializer,
    row_action,
)
from projects.models import Client, Contact
from projects.services import clients


class ClientSerializer(ScopedModelSerializer):
    """A client."""

    class Meta:
        model = Client
        fields = ["id", "name", "email", "address", "country", "tax_id", "notes", "archived_at", "created_at"]
        read_only_fields = ["id", "archived_at", "created_at"]


class ClientFilter(ScopedFilterSet):
    """By whether the client is archived."""

    archived = django_filters.BooleanFilter(field_name="archived_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = Client
        fields: ClassVar[list[str]] = ["country"]


class ClientViewSet(CreateRows, ChangeRows, ReadRows):
    """Clients; none is deleted, as papers name them: archive it instead."""

    queryset = Client.objects.all()
    serializer_class = ClientSerializer
    filterset_class = ClientFilter
    search_fields = ["name", "email"]
    ordering_fields = ["name", "created_at"]

    def create_row(self, fields: dict[str, Any]) -> Client:
        """Add a client."""
        return clients.create_client(by=self.actor, **fields)

    def change_row(self, row: Client, fields: dict[str, Any]) -> Client:
        """Change a client."""
        return clients.update_client(client=row, by=self.actor, **fields)

    @extend_schema(request=None, responses=ClientSerializer)
    @row_action("post")
    def archive(self, request: Request, pk: str) -> Response:
        """Put a client out of the lists."""
        return Response(self.get_serializer(clients.archive_client(client=self.get_object(), by=self.actor)).data)

    @extend_schema(request=None, responses=ClientSerializer)
    @row_action("post")
    def restore(self, request: Request, pk: str) -> Response:
        """Bring an archived client back into the lists."""
        return Response(self.get_serializer(clients.restore_client(client=self.get_object(), by=self.actor)).data)


class ContactSerializer(ScopedModelSerializer):
    """A person at a client; the client cannot be changed later."""

    class Meta:
        model = Contact
        fields = ["id", "client", "name", "email", "role", "created_at"]
        read_only_fields = ["id", "created_at"]
        fixed_fields = ["client"]


class ContactFilter(ScopedFilterSet):
    """By client."""

    class Meta:
        model = Contact
        fields: ClassVar[list[str]] = ["client"]


class ContactViewSet(CreateRows, ChangeRows, DeleteRows, ReadRows):
    """The people at clients."""

    queryset = Contact.objects.select_related("client")
    serializer_class = ContactSerializer
    filterset_class = ContactFilter
    search_fields = ["name", "email"]
    ordering_fields = ["name", "created_at"]

    def create_row(self, fields: dict[str, Any]) -> Contact:
        """Add a person to a client."""
        return clients.add_contact(by=self.actor, **fields)

    def change_row(self, row: Contact, fields: dict[str, Any]) -> Contact:
        """Change a person."""
        return clients.update_contact(contact=row, by=self.actor, **fields)

    def delete_row(self, row: Contact) -> None:
        """Remove a person."""
        clients.remove_contact(contact=row, by=self.actor)
