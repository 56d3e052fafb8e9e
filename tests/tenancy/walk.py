"""Every address of the site with what stands in it, and the fingerprint of every row of a world."""

import hashlib
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch

from django.db import connection
from django.urls import get_resolver, reverse

from projects.shares import purpose_named
from tests.factories.registry import our_models, tenant_models
from tests.tenancy.registry import KWARGS, TEXTS

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
RESTLESS = {"last_used_at", "last_login"}  # noted when someone comes, whatever they may do
WRITE = re.compile(r"\s*(?:INSERT|UPDATE|DELETE|REPLACE|WITH)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """One pattern: its name, the models of its objects and its plain texts."""

    name: str
    route: str
    view: object
    objects: dict[str, str] = field(default_factory=dict)
    unmapped: tuple[str, ...] = ()

    def reverse(self, world, **replaced):
        ids = {name: world.row(label).pk for name, label in self.objects.items()}
        if self.name in world.proofs:
            ids = dict.fromkeys(ids, world.proofs[self.name].pk)
        ids |= replaced
        return reverse(self.name, kwargs=ids | TEXTS.get(self.name, {}))


def every_address():
    return list(_walk(get_resolver(), "", "", ()))


def _walk(resolver, namespace, route, above):
    for pattern in resolver.url_patterns:
        here, kwargs = route + str(pattern.pattern), (*above, *_kwargs(pattern.pattern))
        if hasattr(pattern, "url_patterns"):
            inner = namespace + (f"{pattern.namespace}:" if pattern.namespace else "")
            yield from _walk(pattern, inner, here, kwargs)
        else:
            yield _address(pattern, namespace + (pattern.name or f"? {here}"), here, kwargs)


def _kwargs(pattern):
    return pattern.converters or (pattern.regex.groupindex if hasattr(pattern, "regex") else ())


def _address(pattern, name, route, kwargs):
    wanted = [kwarg for kwarg in kwargs if kwarg not in TEXTS.get(name, {})]
    found = {kwarg: _model_of(kwarg, pattern) for kwarg in wanted}
    unmapped = tuple(kwarg for kwarg, label in found.items() if label is None)
    return Address(name, route, pattern.callback, {kwarg: label for kwarg, label in found.items() if label}, unmapped)


def _model_of(kwarg, pattern):
    if kwarg == "subject_id" and "purpose" in pattern.default_args:
        return purpose_named(pattern.default_args["purpose"]).model
    viewset = getattr(pattern.callback, "cls", None)
    queryset = getattr(viewset, "queryset", None)
    if kwarg == "pk" and queryset is not None:
        return queryset.model._meta.label_lower
    if kwarg in KWARGS:
        return KWARGS[kwarg]
    noun = kwarg.removesuffix("_id").replace("_", "")
    named = [model for model in tenant_models() if model._meta.model_name == noun]
    return named[0]._meta.label_lower if kwarg.endswith("_id") and len(named) == 1 else None


class Writes:
    """Whether a statement that may change a row was sent; only then is there anything to compare."""

    def __init__(self):
        self.seen = False

    def __call__(self, execute, sql, params, many, context):
        self.seen = self.seen or bool(WRITE.match(sql))
        return execute(sql, params, many, context)

    def since_last_time(self):
        seen, self.seen = self.seen, False
        return seen


@contextmanager
def watched_writes():
    watch = Writes()
    with connection.execute_wrapper(watch):
        yield watch


def listed(name, register):
    return any(fnmatch(name, pattern) for pattern in register)


def fingerprint(world):
    """Digest every row of a world, table by table."""
    found = {}
    for model in our_models():
        rows = model._default_manager.all()
        if hasattr(model, "workspace_path"):
            rows = rows.filter(**{model.workspace_path or "pk": world.workspace.pk})
        elif model._meta.label_lower != "projects.user":
            continue  # counters and ends of chains move whenever anyone does anything
        columns = [column.attname for column in model._meta.concrete_fields if column.name not in RESTLESS]
        values = sorted(repr(row) for row in rows.values_list(*columns))
        found[model._meta.label_lower] = hashlib.sha256("\n".join(values).encode()).hexdigest()
    return found


def crossings():
    """Find rows that refer to a row of another workspace."""
    for model in tenant_models():
        own = model.workspace_path or "pk"
        for relation in model._meta.concrete_fields:
            target = relation.related_model
            if target is None or not hasattr(target, "workspace_path"):
                continue
            far = "__".join(part for part in (relation.name, target.workspace_path) if part)
            rows = model._default_manager.exclude(**{f"{relation.name}": None}).values_list("pk", own, far)
            for pk, here, there in rows:
                if here is not None and there is not None and here != there:
                    yield f"{model._meta.label}.{relation.name} of {pk}"
