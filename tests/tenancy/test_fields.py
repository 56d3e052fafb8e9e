"""Every field of every model sent to every serializer and form; every filter, search and order with foreign ids."""

import uuid
from datetime import datetime

import pytest
from django import forms
from django.db import models, transaction
from django.forms import ModelChoiceField
from django_filters import ModelChoiceFilter
from rest_framework.serializers import ModelSerializer

from tests.factories.registry import tenant_models
from tests.tenancy.registry import ONCE, WRITABLE
from tests.tenancy.test_addresses import own_addresses, shows_in
from tests.tenancy.walk import crossings, every_address, fingerprint, watched_writes

pytestmark = pytest.mark.django_db


def viewsets(action):
    """The viewsets of models that take an action, by the name of their addresses."""
    found = {}
    for address in every_address():
        actions = getattr(address.view, "actions", None) or {}
        serializer = getattr(getattr(address.view, "cls", None), "serializer_class", None)
        if action in actions.values() and isinstance(serializer, type) and issubclass(serializer, ModelSerializer):
            found[address.view.initkwargs["basename"]] = (address, address.view.cls)
    return found


def hostile(field, row, other):
    """A value that the field would take and that must not get in."""
    if field.related_model is not None:
        label = field.related_model._meta.label_lower
        return str(other.row(label).pk) if label in other.rows else str(uuid.uuid4())
    now = field.value_from_object(row)
    if field.choices:
        return next((value for value, _ in field.flatchoices if value and value != now), "hostile")
    kinds = {
        models.BooleanField: not now,
        models.DateTimeField: "2001-01-01T00:00:00Z",
        models.DateField: "2001-01-01",
        models.IntegerField: 4242,
        models.FloatField: 42.42,
        models.DecimalField: "42.42",
        models.JSONField: {"hostile": True},
        models.UUIDField: str(uuid.uuid4()),
        models.EmailField: "hostile@evil.example",
    }
    return next((value for kind, value in kinds.items() if isinstance(field, kind)), "hostile"[: field.max_length])


def values_of(row):
    return {field.name: field.value_from_object(row) for field in row._meta.concrete_fields}


def send_known(caster, method, address, sent):
    """Send what the address has a name for: the names that it does not know, it must refuse by themselves."""
    answer = caster.send(method, address, sent)
    if answer.status_code == 400:
        unknown = {error["field"] for error in answer.json().get("errors", ()) if error["code"] == "unknown"}
        if unknown:
            return caster.send(method, address, {name: value for name, value in sent.items() if name not in unknown})
    return answer


def test_every_serializer_lets_in_what_the_registry_says():
    found = {}
    for action in ("create", "partial_update"):
        for name, (_, viewset) in viewsets(action).items():
            fields = viewset.serializer_class().fields.items()
            found[name] = {field for field, serializer in fields if not serializer.read_only}
    assert {name: fields for name, fields in found.items() if fields} == WRITABLE


@pytest.mark.parametrize("action", ["partial_update"])
def test_a_change_sets_the_listed_fields_alone(worlds, action):
    faults = []
    for name, (address, viewset) in viewsets(action).items():
        row = worlds.ours.row(viewset.queryset.model._meta.label_lower)
        for field in row._meta.concrete_fields:
            with transaction.atomic():
                before = values_of(row)
                sent = {
                    field.name: hostile(field, row, worlds.theirs),
                    field.attname: hostile(field, row, worlds.theirs),
                }
                answer = send_known(worlds.insiders["owner"], "PATCH", address.reverse(worlds.ours), sent)
                after = values_of(type(row)._default_manager.get(pk=row.pk))
                changed = {key for key in before if before[key] != after[key]}
                if not changed <= WRITABLE.get(name, set()) & {field.name} or answer.status_code >= 500:
                    faults.append(f"{name}.{field.name} → {answer.status_code}, changed {changed}")
                if field.related_model is not None and changed:
                    faults.append(f"{name}.{field.name} was moved to another workspace")
                transaction.set_rollback(True)
    assert not faults, "\n".join(faults)


def test_a_new_row_takes_the_listed_fields_alone(worlds):
    faults = []
    for name, (address, viewset) in viewsets("create").items():
        allowed = WRITABLE.get(name)
        if not allowed or name in ONCE:
            continue
        row = worlds.ours.row(viewset.queryset.model._meta.label_lower)
        mine = worlds.insiders["owner"].send("GET", f"{address.reverse(worlds.ours)}{row.pk}/").json()
        sent = {field.name: hostile(field, row, worlds.theirs) for field in row._meta.concrete_fields}
        sent |= {field.attname: value for field in row._meta.concrete_fields for value in [sent[field.name]]}
        good = sent | {key: mine[key] for key in allowed} | ({"name": "Another one"} if "name" in allowed else {})
        answer = send_known(worlds.insiders["owner"], "POST", address.reverse(worlds.ours), good)
        if answer.status_code != 201:
            faults.append(f"{name} → {answer.status_code} {answer.content}")
            continue
        made = type(row)._default_manager.get(pk=answer.json()["id"])
        for field in row._meta.concrete_fields:
            stored = field.value_from_object(made)
            if isinstance(stored, datetime):
                stored = stored.isoformat().replace("+00:00", "Z")
            if field.name not in allowed and str(stored) == str(sent[field.name]):
                faults.append(f"{name} took {field.name}")
    assert not list(crossings())
    assert not faults, "\n".join(faults)


def test_no_relation_takes_a_row_of_another_workspace(worlds):
    faults = []
    for name, (address, viewset) in (viewsets("create") | viewsets("partial_update")).items():
        model = viewset.queryset.model
        for field in model._meta.concrete_fields:
            if field.name not in WRITABLE.get(name, ()) or field.related_model is None:
                continue
            foreign = worlds.theirs.row(field.related_model._meta.label_lower)
            unreal = {field.name: str(uuid.uuid4())}
            base = address.reverse(worlds.ours).split(f"{worlds.ours.row(model._meta.label_lower).pk}")[0]
            real_answer = worlds.insiders["owner"].send("POST", base, {field.name: str(foreign.pk)})
            unreal_answer = worlds.insiders["owner"].send("POST", base, unreal)
            if real_answer.status_code != 400 or shows_in(worlds.theirs, real_answer):
                faults.append(f"{name}.{field.name} → {real_answer.status_code}")
            told = [
                answer.content.decode().replace(str(foreign.pk), "ID").replace(unreal[field.name], "ID")
                for answer in (real_answer, unreal_answer)
            ]
            if told[0] != told[1]:
                faults.append(f"{name}.{field.name} tells that the row exists")
    assert not faults, "\n".join(faults)


def test_no_list_is_opened_by_a_filter_a_search_or_an_order(worlds):
    faults = []
    for name, (address, viewset) in viewsets("list").items():
        model = viewset.queryset.model
        foreign = worlds.theirs.row(model._meta.label_lower)
        queries = [{"search": worlds.theirs.canary}, {"ordering": "workspace__name"}, {"ordering": "-pk"}]
        filterset = getattr(viewset, "filterset_class", None)
        for key, one in (filterset.base_filters if filterset else {}).items():
            names_field = one.field_name and "__" not in one.field_name
            values = {str(uuid.uuid4())}
            if names_field and any(field.name == one.field_name for field in model._meta.concrete_fields):
                values.add(str(model._meta.get_field(one.field_name).value_from_object(foreign)))
            statuses = {
                worlds.insiders["owner"].browser.get(address.reverse(worlds.ours), {key: value}).status_code
                for value in values
            }
            if len(statuses) > 1 and isinstance(one, ModelChoiceFilter):
                faults.append(f"{name}?{key}= tells a foreign row from one that does not exist: {statuses}")
            queries += [{key: value} for value in values]
        for query in queries:
            answer = worlds.insiders["owner"].browser.get(address.reverse(worlds.ours), query)
            if answer.status_code not in {200, 400}:
                faults.append(f"{name} {query} → {answer.status_code}")
            rows = answer.json().get("results", [])
            if str(foreign.pk) in answer.content.decode().replace(str(query), "") and rows:
                faults.append(f"{name} {query} lists the row")
            if any(worlds.theirs.canary in str(found) for found in rows):
                faults.append(f"{name} {query} shows the row")
    assert not faults, "\n".join(faults)


def forms_in(answer):
    """The forms that a page was rendered with."""
    flat = answer.context.flatten().values() if answer.context and hasattr(answer.context, "flatten") else ()
    for part in answer.context or ():
        flat = [*flat, *getattr(part, "flatten", dict)().values()]
    return {id(found): found for found in flat if isinstance(found, forms.BaseForm)}.values()


def test_no_form_offers_a_row_of_another_workspace(worlds):
    faults = []
    for address in own_addresses(worlds.ours, worlds.theirs):
        answer = worlds.insiders["owner"].browser.get(address.reverse(worlds.ours))
        for form in forms_in(answer):
            for key, one in form.fields.items():
                if not isinstance(one, ModelChoiceField):
                    continue
                label = one.queryset.model._meta.label_lower
                if label in worlds.theirs.rows and one.queryset.filter(pk=worlds.theirs.row(label).pk).exists():
                    faults.append(f"{address.name}: {type(form).__name__}.{key} offers it")
    assert not faults, "\n".join(faults)


def filled(form, worlds):
    """What a browser would send, with every choice of a row replaced by a row of the other workspace."""
    sent = {}
    for key, one in form.fields.items():
        value = form.get_initial_for_field(one, key)
        if isinstance(one, ModelChoiceField):
            label = one.queryset.model._meta.label_lower
            value = worlds.theirs.row(label).pk if label in worlds.theirs.rows else uuid.uuid4()
        sent[form.add_prefix(key)] = "" if value is None else value
    return {key: value for key, value in sent.items() if not isinstance(value, list | dict)}


def test_no_form_takes_a_field_that_it_does_not_show(worlds):
    """Each page is sent its own form, and with it every field of every model and ids of the other workspace."""
    everything = {}
    for model in tenant_models():
        for field in model._meta.concrete_fields if model._meta.label_lower in worlds.ours.rows else ():
            value = hostile(field, worlds.ours.row(model._meta.label_lower), worlds.theirs)
            everything |= {field.name: str(value), field.attname: str(value)}
    faults = []
    before = fingerprint(worlds.theirs)
    owner = worlds.insiders["owner"]
    for address in own_addresses(worlds.ours, worlds.theirs):
        place = address.reverse(worlds.ours)
        if place.startswith("/api/"):
            continue
        shown = forms_in(owner.browser.get(place))
        for sent in [everything, *(everything | filled(form, worlds) for form in shown)]:
            with transaction.atomic(), watched_writes() as writes:
                answer = owner.browser.post(place, sent)
                if answer.status_code >= 500:
                    faults.append(f"{address.name} → {answer.status_code}")
                if writes.since_last_time():
                    faults += [f"{address.name}: {crossing}" for crossing in crossings()]
                    faults += moved(worlds.ours, address)
                    if fingerprint(worlds.theirs) != before:
                        faults.append(f"{address.name} changed a row of the other workspace")
                transaction.set_rollback(True)
    assert not faults, "\n".join(faults)


def moved(world, address):
    """Tell which of the address's rows has another id, workspace or date of birth now."""
    for label in address.objects.values():
        row = world.row(label)
        now = type(row)._default_manager.filter(pk=row.pk).first()
        if now is not None and getattr(now, "created_at", None) != getattr(row, "created_at", None):
            yield f"{address.name} changed created_at of {label}"
        if now is not None and getattr(now, "workspace_id", None) != getattr(row, "workspace_id", None):
            yield f"{address.name} moved {label}"
