"""What every viewset of every storey stands on.

To add one::

    class DatasetSerializer(ScopedModelSerializer):
        class Meta:
            model = Dataset
            fields = ["id", "title", "engagement", "created_at"]   # the allow-list; never "__all__"
            read_only_fields = ["id", "created_at"]                # what a service sets

    class DatasetFilter(ScopedFilterSet):
        class Meta:
            model = Dataset
            fields = ["engagement"]                                # each by exact match unless declared

    class DatasetViewSet(CreateRows, ChangeRows, DeleteRows, ReadRows):
        queryset = Dataset.objects.select_related("engagement")
        serializer_class = DatasetSerializer
        filterset_class = DatasetFilter
        search_fields = ["title"]
        ordering_fields = ["title", "created_at"]

        def create_row(self, fields): return create_dataset(by=self.actor, **fields)
        def change_row(self, row, fields): return change_dataset(dataset=row, by=self.actor, **fields)
        def delete_row(self, row): delete_dataset(dataset=row, by=self.actor)

and one line in ``freelance_ml/api.py``. For a verb, ``@row_action("POST", Serializer)`` makes
``/datasets/<id>/verb/``. Rows, relations and filter choices are scoped to the actor's workspace here,
once; every unsafe request runs in one transaction; POST takes an Idempotency-Key; a DomainError
becomes problem details by its code (409 unless ``problems.DOMAIN_STATUS`` says otherwise). Then add
one line a pattern to ``tests/tenancy/registry.py``.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC
from functools import partial
from typing import Any, ClassVar

import django_filters
from django.db import models, transaction
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.permissions import SAFE_METHODS
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from projects.access import Actor
from projects.api.problems import ApiProblemError
from projects.services.idempotency import Answer, run_once
from projects.validators import one_line, several_lines, storable

NOTHING = re.compile(r"(?!)")
LINES: dict[str, Any] = {"base_template": "textarea.html"}  # style of a text of several lines, as of a TextField
AS_IT_IS: dict[str, Any] = {"foreign": True}  # style of a name out of foreign data, such as a column's


class _Strict:
    """Takes what it names and nothing else, and text that can be seen: one line, or several where a style says so."""

    def get_fields(self) -> dict[str, serializers.Field]:
        """Give every field that is written its rules."""
        fields: dict[str, serializers.Field] = super().get_fields()  # type: ignore[misc]  # mixed into a serializer
        for field in fields.values():
            _tighten(field)
        return fields

    def to_internal_value(self, data: Any) -> Any:
        """Refuse a name that does not exist: a mistyped one would be lost, and what it said with it."""
        fields = self.fields  # type: ignore[attr-defined]  # of the serializer
        unknown = sorted(str(name) for name in data if name not in fields) if isinstance(data, Mapping) else []
        if unknown:
            taken = ", ".join(name for name, field in fields.items() if not field.read_only)
            message = f"There is no such field. This takes {taken or 'nothing'}."
            raise ValidationError({name[:80]: [ErrorDetail(message, "unknown")] for name in unknown})
        return super().to_internal_value(data)  # type: ignore[misc]  # of the serializer


def _tighten(field: serializers.Field) -> None:
    child = getattr(field, "child", None)
    if isinstance(child, serializers.Field):
        _tighten(child)
    if isinstance(field, serializers.IntegerField):
        field.re_decimal = NOTHING  # the framework would take 150.00 as 150 minor units
        field.error_messages["invalid"] = "This must be a whole number, without a point."
    if isinstance(field, serializers.DateTimeField):
        field.timezone = UTC  # whatever the zone in which the workspace's days begin
    if isinstance(field, serializers.ChoiceField):
        offered = ", ".join(str(choice) for choice in field.choices if choice != "")
        field.error_messages["invalid_choice"] = f"“{{input}}” is not possible here. Choose one of: {offered}."
    if isinstance(field, serializers.DictField | serializers.ListField | serializers.JSONField):
        field.validators = [*field.validators, storable]
    if isinstance(field, serializers.CharField) and not field.read_only and not field.style.get("foreign"):
        several = field.style.get("base_template") == LINES["base_template"]
        field.validators = [*field.validators, several_lines if several else one_line]


class PlainSerializer(_Strict, serializers.Serializer):
    """A serializer of no row, whose text can be seen."""


class ScopedPrimaryKeyField(serializers.PrimaryKeyRelatedField):
    """A relation that can only name rows of the actor's workspace; a stranger's row does not exist."""

    def get_queryset(self) -> Any:
        """Keep what the actor may see."""
        queryset: Any = super().get_queryset()
        return None if queryset is None else queryset.visible_to(self.context["request"].auth)


class ScopedModelSerializer(_Strict, serializers.ModelSerializer):
    """A serializer whose relations are scoped; ``fields`` is a list, so that a new column stays inside.

    ``Meta.fixed_fields`` names what can be set at creation only.
    """

    serializer_related_field = ScopedPrimaryKeyField

    def get_fields(self) -> dict[str, serializers.Field]:
        """Make the fixed fields read-only once the row exists, also where the schema describes a change."""
        fields = super().get_fields()
        view = self.context.get("view")
        changes = self.partial or getattr(view, "action", "") == "partial_update"
        for name in getattr(self.Meta, "fixed_fields", ()) if changes else ():
            fields[name].read_only = True
        for name, field in fields.items():  # the framework forgets that a choice which is only read may be empty
            if isinstance(field, serializers.ChoiceField) and field.read_only:
                field.allow_blank = self.Meta.model._meta.get_field(name).blank  # type: ignore[attr-defined]
        return fields


def scoped_rows(queryset: Any) -> Callable[[Request | None], Any]:
    """Give a filter's choices: the rows of the queryset that the actor may see."""
    return lambda request: queryset.visible_to(getattr(request, "auth", None))


class ScopedFilterSet(django_filters.FilterSet):
    """Filters whose related choices are scoped to the actor's workspace."""

    @classmethod
    def filter_for_field(cls, field: Any, field_name: str, lookup_expr: str | None = None) -> Any:
        """Scope the choices of a relation."""
        found = super().filter_for_field(field, field_name, lookup_expr or "exact")
        related = getattr(field, "related_model", None)
        if related is not None and isinstance(found, django_filters.ModelChoiceFilter):
            found.queryset = found.extra["queryset"] = scoped_rows(related._default_manager.all())
        return found


class ActorViewSet(GenericViewSet):
    """A viewset that knows the actor, changes in one transaction and answers a repeated POST the same."""

    takes_idempotency_key: ClassVar[bool] = True  # False where the answer holds a secret, or the body a file
    long_bodies: ClassVar[frozenset[str]] = frozenset()  # actions that read one, and open their transactions after it
    list_parameters: ClassVar[tuple[str, ...]] = ()  # further query parameters of the list
    lookup_value_converter = "uuid"
    http_method_names = ["get", "post", "patch", "delete", "head"]

    @property
    def actor(self) -> Actor:
        """Who asks, in which workspace."""
        return self.request.auth  # type: ignore[return-value]  # ActorPermission let nobody else in

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """After sign-in and permission, put every unsafe handler into one transaction."""
        super().initial(request, *args, **kwargs)
        if getattr(self, "action", None) == "list":
            self._refuse_unknown_parameters(request)
        method = (request.method or "").lower()
        if request.method not in SAFE_METHODS and hasattr(self, method):
            setattr(self, method, partial(self._change, getattr(self, method)))

    def _change(self, handler: Callable[..., Response], request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key")
        if request.method != "POST" or key is None:
            if self.action in self.long_bodies:
                return handler(request, *args, **kwargs)
            with transaction.atomic():
                return handler(request, *args, **kwargs)
        if not self.takes_idempotency_key:
            detail = "This address takes no Idempotency-Key; leave the header out."
            raise ApiProblemError("idempotency-key-invalid", detail)
        answer = run_once(
            key=key,
            request_digest=_digest_of(request),
            by=self.actor,
            act=lambda: _as_answer(handler(request, *args, **kwargs)),
        )
        headers = {"Idempotency-Replayed": "true"} if answer.replayed else None
        return Response(answer.body, status=answer.status, headers=headers)

    def _refuse_unknown_parameters(self, request: Request) -> None:
        known = {"page", "page_size", *self.list_parameters}
        if getattr(self, "search_fields", None):
            known.add("search")
        if getattr(self, "ordering_fields", None):
            known.add("ordering")
        filterset = getattr(self, "filterset_class", None)
        known.update(filterset.base_filters if filterset else ())
        unknown = sorted(set(request.query_params) - known)
        if unknown:
            allowed = ", ".join(sorted(known))
            raise ApiProblemError("unknown-parameter", f"Unknown: {unknown[0][:80]!r}. This list takes {allowed}.")


def _digest_of(request: Request) -> str:
    body = json.dumps(request.data, sort_keys=True, default=str)
    return hashlib.sha256(f"{request.method} {request.get_full_path()}\n{body}".encode()).hexdigest()


def _as_answer(response: Response) -> Answer:
    return Answer(response.status_code, json.loads(JSONRenderer().render(response.data) or b"null"))


class NamedSearch(SearchFilter):
    """Search in the fields that the viewset names; without any, the parameter does not exist."""

    def get_schema_operation_parameters(self, view: Any) -> list[Any]:
        """Describe the parameter where it is taken."""
        return super().get_schema_operation_parameters(view) if getattr(view, "search_fields", None) else []


class NamedOrdering(OrderingFilter):
    """Order by the fields that the viewset names; without any, the parameter does not exist."""

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> Any:
        """Refuse an unknown field; the framework would silently order by something else."""
        wished = [word.strip() for word in request.query_params.get(self.ordering_param, "").split(",")]
        unknown = {word.removeprefix("-") for word in wished if word} - set(view.ordering_fields)
        if unknown:
            known = ", ".join(view.ordering_fields) or "nothing"
            raise ApiProblemError("unknown-parameter", f"Rows cannot be ordered by that. Possible: {known}.")
        return super().get_ordering(request, queryset, view)

    def get_schema_operation_parameters(self, view: Any) -> list[Any]:
        """Describe the parameter where it is taken."""
        return super().get_schema_operation_parameters(view) if getattr(view, "ordering_fields", None) else []


class ScopedViewSet(ActorViewSet):
    """A viewset of tenant rows: it can only ever find those of the actor's workspace."""

    filter_backends = [DjangoFilterBackend, NamedSearch, NamedOrdering]
    ordering_fields: ClassVar[list[str]] = []
    search_fields: ClassVar[list[str]] = []

    def get_queryset(self) -> Any:
        """Keep what the actor may see; nothing while the schema is drawn."""
        if getattr(self, "swagger_fake_view", False):
            return super().get_queryset().none()
        rows: Any = super().get_queryset()
        return rows.visible_to(self.actor)


class ReadRows(mixins.ListModelMixin, mixins.RetrieveModelMixin, ScopedViewSet):
    """List rows and read one."""


class CreateRows(mixins.CreateModelMixin):
    """POST on the list makes a row, by the same service as the page."""

    def create_row(self, fields: dict[str, Any]) -> models.Model:
        """Call the service; ``fields`` are checked and scoped."""
        raise NotImplementedError

    def perform_create(self, serializer: serializers.BaseSerializer) -> None:
        """Hand the checked fields to the service."""
        serializer.instance = self.create_row(dict(serializer.validated_data))


class ChangeRows:
    """PATCH changes the sent fields, by the same service as the page."""

    def change_row(self, row: Any, fields: dict[str, Any]) -> models.Model:
        """Call the service; ``fields`` are checked and scoped."""
        raise NotImplementedError

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change the sent fields and answer with the whole row."""
        row = self.get_object()  # type: ignore[attr-defined]  # mixed into a ScopedViewSet
        serializer = self.get_serializer(row, data=request.data, partial=True)  # type: ignore[attr-defined]
        serializer.is_valid(raise_exception=True)
        changed = self.change_row(row, dict(serializer.validated_data))
        return Response(self.get_serializer(changed).data)  # type: ignore[attr-defined]


class DeleteRows(mixins.DestroyModelMixin):
    """DELETE removes a row, by the same service as the page."""

    def delete_row(self, row: Any) -> None:
        """Call the service."""
        raise NotImplementedError

    def perform_destroy(self, instance: models.Model) -> None:
        """Hand the row to the service."""
        self.delete_row(instance)


def row_action(method: Any, serializer: type[serializers.BaseSerializer] | None = None, **options: Any) -> Any:
    """Mark a viewset's method as ``/<rows>/<id>/<name>/``; underscores become hyphens."""

    def mark(handler: Callable[..., Response]) -> Any:
        address = handler.__name__.replace("_", "-")
        if serializer is not None:
            options["serializer_class"] = serializer
        return action(detail=True, methods=[method], url_path=address, url_name=address, **options)(handler)

    return mark
