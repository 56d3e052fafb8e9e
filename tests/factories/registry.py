"""One factory a model: a world is a workspace with a row of every model, each text marked with its canary.

A new model needs nothing here as long as its fields can be guessed. Where a constraint wants a
certain combination, add the fields to ``FIELDS`` (one line). A model that belongs to no workspace is
named in ``SITE`` with the reason.
"""

import hashlib
from datetime import date, time, timedelta
from decimal import Decimal

from django.apps import apps
from django.db import DatabaseError, IntegrityError, models, transaction
from django.utils import timezone

from projects.access import Actor, Role
from tests.factories import projects as make
from tests.factories.scopes import document as scope_document

OUR_APPS = ("projects", "billing", "evaluations", "freelance_ml")

# Rows that belong to no workspace, and why.
SITE = {
    "projects.user": "a person may be in several workspaces; pages show people only through memberships",
    "projects.guard": "a counter keyed by a digest",
    "projects.audithead": "the end of a chain: a number and a hash",
    "projects.pulse": "when a part of the installation was last seen alive",
}

# What cannot be guessed, by model: fields, given the world.
FIELDS = {
    "projects.membership": lambda world: {"user": world.owner, "role": Role.OWNER},
    "projects.apitoken": lambda world: {"user": world.owner, "scopes": ["read"]},
    "projects.auditentry": lambda world: {"chain": str(world.workspace.pk), "sequence": 900_000},
    "projects.auditcheckpoint": lambda world: {"chain": str(world.workspace.pk)},
    "projects.sharelink": lambda world: {"purpose": "test-note", "expires_at": timezone.now() + timedelta(days=9)},
    "projects.job": lambda world: {"kind": "test", "parent": None},
    "projects.schedule": lambda world: {"kind": "test", "cadence": "daily", "weekday": 0, "day": 1},
    "billing.billimport": lambda world: {"state": "committed", "currency": "", "preview": {}, "head": []},
    "billing.bill": lambda world: {"sums": {"billed": "1.5"}, "period": "2026-11-01", "currency": "EUR"},
    "billing.charge": lambda world: (
        dict.fromkeys(("billed", "effective", "list_cost", "contracted"), "1.5")
        | {"quantity": "1", "credits": None, "tags": "{}", "currency": "EUR", "row": 1}
    ),
    "billing.monthlyspend": lambda world: {"tags": "{}", "currency": "EUR"},
    "billing.itemspend": lambda world: {"tags": "{}", "currency": "EUR"},
    "billing.dailyspend": lambda world: {"currency": "EUR"},
    "billing.columnmapping": lambda world: {
        "body": {"columns": {"billed": "Cost", "usage_start": "Day"}, "constants": {"currency": "EUR"}}
    },
    "billing.rate": lambda world: {"price": "1.5", "kind": "cpu-hour"},
    "billing.computeentry": lambda world: {"cost": "1.5", "cost_nano": 1_500_000_000, "currency": "EUR"},
    "billing.budgetalert": lambda world: {"amount": "1.5", "threshold": 80, "month": ""},
    "evaluations.evaluationrun": lambda world: {"predictions": None},
    "projects.scopeversion": lambda world: {"digest": "", "document": scope_document(title=f"{world.canary} scope")},
    "projects.changeorder": lambda world: {"digest": "", "result": None},
    "projects.milestone": lambda world: {"status": "planned", "accepted_at": None, "accepted_how": ""},
}


class World:
    """A workspace with its people and one row of every model, built when asked for."""

    def __init__(self, canary: str) -> None:
        self.canary = canary
        self.workspace = make.make_workspace(name=f"{canary} workspace")
        self.owner = make.make_user(email=f"{canary.lower()}@owner.example", name=f"{canary} owner")
        self.actor: Actor = make.make_actor(workspace=self.workspace, user=self.owner)
        self.rows: dict[str, models.Model] = {
            "projects.workspace": self.workspace,
            "projects.user": self.owner,
            "projects.membership": self.owner.memberships.get(),
        }
        self.unbuilt: dict[str, str] = {}
        self.proofs: dict[str, models.Model] = {}  # by address: rows of the product, where guessed ones do not do
        self._building: set[str] = set()

    def row(self, label: str) -> models.Model:
        """Return the world's row of a model."""
        if label not in self.rows:
            self._building.add(label)
            self.rows[label] = self._build(apps.get_model(label), label)
            self._building.discard(label)
        return self.rows[label]

    def build_all(self) -> "World":
        """Build what can be built; a test of its own tells what could not."""
        for model in tenant_models():
            try:
                with transaction.atomic():
                    self.row(model._meta.label_lower)
            except (DatabaseError, ValueError, AssertionError) as error:
                self._building.clear()
                self.unbuilt[model._meta.label_lower] = str(error)
        return self

    def label(self, label: str = "projects.milestone") -> str:
        return f"{label}:{self.row(label).pk}"

    def _build(self, model: type[models.Model], label: str) -> models.Model:
        try:
            with transaction.atomic():
                return model._default_manager.create(**self._fields(model, label, lean=False))
        except IntegrityError:  # a constraint on optional fields: leave them out
            return model._default_manager.create(**self._fields(model, label, lean=True))

    def _fields(self, model: type[models.Model], label: str, *, lean: bool) -> dict:
        fixed = FIELDS.get(label, lambda world: {})(self)
        fields = {}
        for field in model._meta.concrete_fields:
            optional = field.null or field.blank or field.has_default()
            if field.name in fixed:
                fields[field.name] = fixed[field.name]
            elif not (field.primary_key or getattr(field, "auto_now_add", False) or (lean and optional)):
                value = self._guess(field)
                if value is not models.NOT_PROVIDED:
                    fields[field.name] = value
        return fields

    def _guess(self, field: models.Field):
        if isinstance(field, models.ForeignKey):
            return self._related(field)
        if field.choices:
            if field.has_default() or field.blank:
                return field.get_default()
            return next(value for value, _ in field.flatchoices if value)
        if isinstance(field, models.CharField | models.TextField):
            return self._text(field)
        if field.has_default() or field.null:
            return models.NOT_PROVIDED
        return self._plain(field)

    def _related(self, field: models.ForeignKey):
        label = field.related_model._meta.label_lower
        if label in self._building:
            assert field.null, f"{field} and {label} need each other; say in FIELDS how to begin"
            return None
        return self.row(label)

    def _text(self, field: models.Field):
        name, longest = field.name, field.max_length or 10_000
        if any(word in name for word in ("digest", "sha256", "hash")):
            return hashlib.sha256(f"{self.canary}{field}".encode()).hexdigest()[:longest]
        if name == "subject" and longest >= 100:
            return self.label() if "projects.milestone" not in self._building else ""
        if isinstance(field, models.EmailField):
            return f"{self.canary.lower()}@row.example"
        if longest < len(self.canary) + 8:
            guess = {2: "DE", 3: "EUR"}.get(longest, self.canary[-longest:])
            return field.default if field.has_default() else guess
        if field.has_default() and field.default:
            return field.get_default()
        return f"{self.canary} {name}"

    def _plain(self, field: models.Field):
        guesses = {
            models.DateTimeField: timezone.now() + timedelta(days=3),
            models.DateField: date(2026, 11, 1),
            models.TimeField: time(6),
            models.DecimalField: Decimal(1),
            models.BooleanField: False,
            models.IntegerField: 1,
            models.FloatField: 1.0,
            models.JSONField: {"canary": self.canary},
            models.DurationField: timedelta(hours=1),
            models.UUIDField: self.workspace.pk,
            models.BinaryField: self.canary.encode(),
            models.GenericIPAddressField: "203.0.113.7",
        }
        for kind, guess in guesses.items():
            if isinstance(field, kind):
                return guess
        raise AssertionError(f"no guess for {field}; say in FIELDS how to fill it")


def our_models() -> list[type[models.Model]]:
    """List every model of our own."""
    return [model for model in apps.get_models() if model._meta.app_label in OUR_APPS and model._meta.managed]


def tenant_models() -> list[type[models.Model]]:
    """List the models whose rows belong to a workspace."""
    return [model for model in our_models() if hasattr(model, "workspace_path")]
