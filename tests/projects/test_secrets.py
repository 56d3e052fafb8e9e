"""Secrets at rest: sealed, bound to their place, rotatable."""

import io
import json
import stat

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, models
from django.test.utils import isolate_apps

from projects import secrets
from projects.accounts import MFAAdapter
from projects.services import key_rotation
from tests.factories import projects as make


@pytest.fixture(autouse=True)
def _own_ring(settings, tmp_path):
    settings.VAR_DIR = tmp_path
    settings.FREELANCE_ML_KEYS = ""


def test_a_text_opens_only_where_it_was_sealed():
    sealed = secrets.seal_text("hunter2", context="table|column|1")
    assert "hunter2" not in sealed
    assert secrets.open_text(sealed, context="table|column|1") == "hunter2"
    with pytest.raises(secrets.SealError, match="belongs to another row"):
        secrets.open_text(sealed, context="table|column|2")


def test_the_same_text_never_seals_alike():
    assert secrets.seal_text("a", context="x") != secrets.seal_text("a", context="x")


@pytest.mark.parametrize("broken", ["", "plain", "v1:nobody:AAAA", "v2:k:AAAA"])
def test_what_is_not_sealed_does_not_open(broken):
    with pytest.raises(secrets.SealError):
        secrets.open_text(broken, context="x")


def test_every_flipped_byte_shows():
    mark, key, body = secrets.seal_text("hunter2", context="x").split(":")
    raw = bytearray(secrets.base64.urlsafe_b64decode(body))
    for place in range(len(raw)):
        raw[place] ^= 1
        changed = secrets.base64.urlsafe_b64encode(bytes(raw)).decode()
        with pytest.raises(secrets.SealError):
            secrets.open_text(f"{mark}:{key}:{changed}", context="x")
        raw[place] ^= 1


def test_the_ring_is_made_once_and_readable_by_its_owner_alone():
    first = secrets.key_ring()
    assert stat.S_IMODE(secrets.ring_path().stat().st_mode) == 0o600
    secrets.store_ring(secrets.new_ring(), replace=False)  # a second process that starts at the same moment
    assert secrets.key_ring() == first


def test_the_ring_may_come_from_the_environment(settings, tmp_path):
    settings.FREELANCE_ML_KEYS = secrets.new_ring().dump()
    sealed = secrets.seal_text("a", context="x")
    assert secrets.open_text(sealed, context="x") == "a"
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("text", ["", "{}", '{"encryption": []}', "[]"])
def test_a_broken_ring_is_named(settings, text):
    settings.FREELANCE_ML_KEYS = text or " "
    with pytest.raises(ImproperlyConfigured, match="key ring"):
        secrets.key_ring()


@pytest.mark.parametrize("size", [0, 1, secrets.CHUNK - 1, secrets.CHUNK, secrets.CHUNK + 1, 3 * secrets.CHUNK])
def test_a_file_comes_back_whole(size):
    plain = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    sealed = io.BytesIO()
    secrets.seal_file(io.BytesIO(plain), sealed, context="dataset|7")
    sealed.seek(0)
    assert b"".join(secrets.open_file(sealed, context="dataset|7")) == plain


@pytest.mark.parametrize("harm", ["cut", "swap", "flip", "other place", "longer"])
def test_a_harmed_file_does_not_open(harm):
    sealed = io.BytesIO()
    secrets.seal_file(io.BytesIO(b"a" * secrets.CHUNK * 3), sealed, context="dataset|7")
    raw, step = bytearray(sealed.getvalue()), secrets.CHUNK + secrets.TAG
    start = len(raw) - 3 * step
    context = "dataset|8" if harm == "other place" else "dataset|7"
    if harm == "cut":
        del raw[-step:]
    elif harm == "swap":
        first, second = raw[start : start + step], raw[start + step : start + 2 * step]
        raw[start : start + 2 * step] = second + first
    elif harm == "flip":
        raw[start + 5] ^= 1
    elif harm == "longer":
        raw += b"more"
    with pytest.raises(secrets.SealError):
        b"".join(secrets.open_file(io.BytesIO(bytes(raw)), context=context))


def test_signatures():
    key, signature = secrets.sign(b"so it stands")
    assert secrets.signature_holds(b"so it stands", key_id=key, signature=signature)
    assert not secrets.signature_holds(b"so it stood", key_id=key, signature=signature)
    assert not secrets.signature_holds(b"so it stands", key_id="s0", signature=signature)


@pytest.fixture
def vault(db):
    """A table with a sealed column, for this test alone."""
    with isolate_apps("projects"):

        class Vault(models.Model):
            name = models.CharField(max_length=20)
            secret = secrets.EncryptedTextField(null=True)

            class Meta:
                app_label = "projects"

            def __str__(self):
                return self.name

        with connection.cursor() as cursor:
            kind = "serial" if connection.vendor == "postgresql" else "integer"
            cursor.execute(f"CREATE TABLE projects_vault (id {kind} PRIMARY KEY, name varchar(20), secret text)")
        yield Vault


def raw_secret(row):
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM projects_vault WHERE id = %s", [row.pk])
        return cursor.fetchone()[0]


def test_a_sealed_column(vault):
    row = vault.objects.create(pk=1, name="bank", secret="4711")
    assert "4711" not in raw_secret(row)
    again = vault.objects.get(pk=1)
    assert again.secret == "4711"
    before = raw_secret(row)
    untouched = vault.objects.get(pk=1)
    untouched.name = "other"
    untouched.save()
    assert raw_secret(row) == before
    assert vault.objects.defer("secret").get(pk=1).secret == "4711"


def test_a_sealed_value_cannot_be_moved_to_another_row(vault):
    vault.objects.create(pk=1, secret="4711")
    vault.objects.create(pk=2, secret="0815")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE projects_vault SET secret = (SELECT secret FROM projects_vault WHERE id = 1)")
    with pytest.raises(secrets.SealError):
        _ = vault.objects.get(pk=2).secret


def test_plain_text_cannot_slip_past_the_seal(vault):
    vault.objects.create(pk=1, secret="4711")
    with pytest.raises(TypeError, match="sealed"):
        vault.objects.update(secret="plain")
    with pytest.raises(TypeError, match="sealed"):
        vault.objects.filter(secret="4711").exists()


def test_rotation_seals_everything_anew(vault, monkeypatch, capsys):
    rows = [vault.objects.create(pk=number, secret=f"secret {number}") for number in range(1, 6)]
    factor = Authenticator.objects.create(
        user=make.make_user(), type="totp", data={"secret": MFAAdapter().encrypt("JBSWY3DPEHPK3PXP")}
    )
    old = secrets.key_ring().active
    monkeypatch.setattr(key_rotation, "BATCH", 2)
    monkeypatch.setattr(key_rotation.apps, "get_models", lambda: [vault])
    call_command("rotate_keys", "--drop-old")
    assert list(secrets.key_ring().encryption) != [old]
    assert len(secrets.key_ring().encryption) == 1
    assert [vault.objects.get(pk=row.pk).secret for row in rows] == [f"secret {number}" for number in range(1, 6)]
    factor.refresh_from_db()
    assert MFAAdapter().decrypt(factor.data["secret"]) == "JBSWY3DPEHPK3PXP"
    assert "6 values sealed" in capsys.readouterr().out


def test_an_interrupted_rotation_is_resumed(vault, monkeypatch):
    for number in range(1, 6):
        vault.objects.create(pk=number, secret=f"secret {number}")
    monkeypatch.setattr(key_rotation, "BATCH", 2)
    monkeypatch.setattr(key_rotation.apps, "get_models", lambda: [vault])
    secrets.store_ring(secrets.key_ring().with_new_key())
    batches = key_rotation.reseal_all()
    assert next(batches) == 2
    batches.close()  # killed here
    assert key_rotation.left_behind() == 3
    call_command("rotate_keys", "--resume")
    assert key_rotation.left_behind() == 0


def test_the_environment_s_ring_is_not_rotated_behind_its_back(settings, db):
    settings.FREELANCE_ML_KEYS = secrets.new_ring().dump()
    with pytest.raises(CommandError, match="FREELANCE_ML_KEYS"):
        call_command("rotate_keys")


def test_the_secret_of_an_authenticator_app_lies_sealed(db):
    user = make.make_user()
    totp.TOTP.activate(user, "JBSWY3DPEHPK3PXP")
    stored = json.dumps(Authenticator.objects.get(user=user).data)
    assert "JBSWY3DPEHPK3PXP" not in stored
