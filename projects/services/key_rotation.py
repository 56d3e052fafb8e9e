"""Seals everything anew with the active key, in batches, while the application runs."""

from collections.abc import Iterator
from typing import Any

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import transaction
from django.db.models import Model, TextField
from django.db.models.functions import Cast

from projects.secrets import EncryptedTextField, SealedText, key_ring, open_text, seal_text, sealed_with
from projects.storage import is_stale, reseal, stored_files

BATCH = 200
SECOND_FACTOR_PLACE = "mfa_authenticator|data"  # as in projects.accounts: allauth does not tell the row
SECOND_FACTOR_SECRETS = ("secret", "seed")


def reseal_all() -> Iterator[int]:
    """Seal what another key sealed; yield how many values each batch changed.

    A value that changes meanwhile is left to its writer, who used the active key. Run it again after
    an interruption: it looks only for what is still sealed with another key.
    """
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, EncryptedTextField):
                yield from _reseal_column(model, field)
    yield from _reseal_second_factors()
    for address in stored_files():
        if is_stale(address):
            reseal(address)
            yield 1


def left_behind() -> int:
    """Count the values that are still sealed with another key than the active one."""
    active = f"v1:{key_ring().active}:"
    columns = [
        (model, field)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, EncryptedTextField)
    ]
    count = sum(_stale(model, field, active).count() for model, field in columns)
    count += sum(1 for factor in Authenticator.objects.all() if _stale_secrets(factor.data))
    return count + sum(map(is_stale, stored_files()))


def _reseal_column(model: type[Model], field: EncryptedTextField) -> Iterator[int]:
    last: Any = None
    while True:
        rows = _stale(model, field, f"v1:{key_ring().active}:").order_by("pk")
        batch = list((rows.filter(pk__gt=last) if last else rows).values_list("pk", "sealed_form")[:BATCH])
        if not batch:
            return
        last, changed = batch[-1][0], 0
        with transaction.atomic():
            for pk, sealed in batch:
                place = f"{model._meta.db_table}|{field.column}|{pk}"
                anew = SealedText(seal_text(open_text(sealed, context=place), context=place))
                same = model._base_manager.annotate(sealed_form=Cast(field.name, TextField())).filter(
                    pk=pk, sealed_form=sealed
                )
                changed += same.update(**{field.name: anew})
        yield changed


def _stale(model: type[Model], field: EncryptedTextField, active: str) -> Any:
    rows = model._base_manager.annotate(sealed_form=Cast(field.name, TextField())).exclude(sealed_form=None)
    return rows.exclude(sealed_form__startswith=active)


def _reseal_second_factors() -> Iterator[int]:
    for factor in Authenticator.objects.order_by("pk").iterator(chunk_size=BATCH):
        if not _stale_secrets(factor.data):
            continue
        with transaction.atomic():
            locked = Authenticator.objects.select_for_update().get(pk=factor.pk)
            for name in _stale_secrets(locked.data):
                secret = locked.data[name]
                # What was stored before sealing existed is sealed for the first time.
                plain = open_text(secret, context=SECOND_FACTOR_PLACE) if sealed_with(secret) else secret
                locked.data[name] = seal_text(plain, context=SECOND_FACTOR_PLACE)
            locked.save(update_fields=["data"])
        yield 1


def _stale_secrets(data: dict[str, Any]) -> list[str]:
    active = key_ring().active
    return [name for name in SECOND_FACTOR_SECRETS if name in data and sealed_with(str(data[name])) != active]
