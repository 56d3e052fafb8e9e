"""Secrets at rest: the key ring, sealed text and files, and signatures.

The keys are not SECRET_KEY: they can be rotated alone, and a copy of the database opens nothing.
"""

import base64
import json
import os
import secrets
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models.query_utils import DeferredAttribute

RING_FILE = "ring.json"
TEXT_MARK = "v1"
FILE_MARK = b"FMLSEAL1"
NONCE = 12  # bytes, as AES-GCM wants
TAG = 16  # bytes
CHUNK = 256 * 1024  # bytes of plain text sealed at once


class SealError(Exception):
    """Raised when something sealed cannot be opened: wrong key, wrong place, or changed on the way."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys by id; the active ones seal and sign, all of them open and check."""

    active: str
    encryption: dict[str, bytes]
    signer: str
    signing: dict[str, bytes]

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Read a ring from its JSON form."""
        try:
            raw = json.loads(text)
            ring = cls(
                active=raw["encryption"]["active"],
                encryption={name: base64.b64decode(key) for name, key in raw["encryption"]["keys"].items()},
                signer=raw["signing"]["active"],
                signing={name: base64.b64decode(key) for name, key in raw["signing"]["keys"].items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            message = "The key ring cannot be read. Restore it from your backup; see docs/security.md."
            raise ImproperlyConfigured(message) from error
        if ring.active not in ring.encryption or ring.signer not in ring.signing:
            message = "The key ring names an active key that it does not hold. See docs/security.md."
            raise ImproperlyConfigured(message)
        return ring

    def dump(self) -> str:
        """Write the ring in its JSON form."""
        return json.dumps(
            {
                "encryption": {"active": self.active, "keys": _encoded(self.encryption)},
                "signing": {"active": self.signer, "keys": _encoded(self.signing)},
            },
            indent=2,
        )

    def with_new_key(self) -> "KeyRing":
        """Add an encryption key and make it the active one."""
        name = f"k{secrets.token_hex(4)}"
        return KeyRing(name, {**self.encryption, name: secrets.token_bytes(32)}, self.signer, self.signing)

    def without_old_keys(self) -> "KeyRing":
        """Drop every encryption key but the active one."""
        return KeyRing(self.active, {self.active: self.encryption[self.active]}, self.signer, self.signing)


def _encoded(keys: dict[str, bytes]) -> dict[str, str]:
    return {name: base64.b64encode(key).decode() for name, key in keys.items()}


def new_ring() -> KeyRing:
    """Make a ring with one fresh key of each sort."""
    cipher, signer = f"k{secrets.token_hex(4)}", f"s{secrets.token_hex(4)}"
    return KeyRing(cipher, {cipher: secrets.token_bytes(32)}, signer, {signer: secrets.token_bytes(32)})


# --- where the ring lives ------------------------------------------------------------------------
_read: dict[tuple[str, int, int], KeyRing] = {}


def ring_path() -> Path:
    """Return where an installation without FREELANCE_ML_KEYS keeps its ring."""
    return Path(settings.VAR_DIR) / "keys" / RING_FILE


def key_ring() -> KeyRing:
    """Return the ring as it is now; make it the first time. A changed file is noticed at once."""
    if settings.FREELANCE_ML_KEYS:
        return KeyRing.parse(settings.FREELANCE_ML_KEYS)
    path = ring_path()
    if not path.exists():
        store_ring(new_ring(), replace=False)
    state = path.stat()
    version = (str(path), state.st_mtime_ns, state.st_ino)
    if version not in _read:
        _read.clear()
        _read[version] = KeyRing.parse(path.read_text())
    return _read[version]


def store_ring(ring: KeyRing, *, replace: bool = True) -> None:
    """Write the ring to its file, readable by its owner alone and never half written."""
    path = ring_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent)  # created with mode 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(ring.dump())
        file.flush()
        os.fsync(file.fileno())
    if replace:
        Path(draft).replace(path)
        return
    with suppress(FileExistsError):  # another process was first: its ring holds
        os.link(draft, path)
    Path(draft).unlink()


# --- text ----------------------------------------------------------------------------------------
def seal_text(text: str, *, context: str) -> str:
    """Encrypt a text for one place; ``context`` names the place and must be the same when opening."""
    ring = key_ring()
    nonce = secrets.token_bytes(NONCE)
    sealed = AESGCM(ring.encryption[ring.active]).encrypt(nonce, text.encode(), context.encode())
    return f"{TEXT_MARK}:{ring.active}:{base64.urlsafe_b64encode(nonce + sealed).decode()}"


def open_text(sealed: str, *, context: str) -> str:
    """Decrypt what ``seal_text`` made for the same place.

    Raises SealError if the key is unknown, the place is another one, or a byte was changed.
    """
    try:
        mark, key_id, body = sealed.split(":")
        raw = base64.urlsafe_b64decode(body)
        key = key_ring().encryption[key_id]
        if mark != TEXT_MARK:
            raise ValueError(mark)  # noqa: TRY301  # one handler speaks for every way a value can be broken
        return AESGCM(key).decrypt(raw[:NONCE], raw[NONCE:], context.encode()).decode()
    except KeyError as error:
        message = f"The key {error} is not on the ring. Restore keys/{RING_FILE} from your backup."
        raise SealError(message) from error
    except (ValueError, InvalidTag) as error:
        message = f"A sealed value of {context.rpartition('|')[0]} was changed or belongs to another row."
        raise SealError(message) from error


def sealed_with(sealed: str) -> str:
    """Name the key that sealed a text; empty if it is not sealed."""
    parts = sealed.split(":")
    return parts[1] if len(parts) == 3 and parts[0] == TEXT_MARK else ""  # noqa: PLR2004  # mark, key, body


class SealedText(str):
    """A text as it lies in the database: still sealed."""

    __slots__ = ()


class _Opening(DeferredAttribute):
    """Opens the value when it is read, since only the instance knows the row it belongs to."""

    field: "EncryptedTextField"

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if isinstance(value, SealedText):
            value = open_text(value, context=self.field.place(instance))
            instance.__dict__[self.field.attname] = value
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(models.TextField):
    """A text that is sealed in the database and bound to its table, column and row.

    It cannot be searched. ``QuerySet.update`` is refused, as it knows no row; save the instance.
    """

    descriptor_class = _Opening

    def place(self, instance: models.Model) -> str:
        """Name the table, column and row that the value is bound to."""
        if instance.pk is None:
            message = f"{self.model.__name__} needs its key before {self.name} can be sealed."
            raise ValueError(message)
        return f"{self.model._meta.db_table}|{self.column}|{instance.pk}"

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        """Keep the value sealed until someone reads it."""
        return None if value is None else SealedText(value)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: FBT001  # Django's signature
        """Seal what was changed; what was not read stays as it is."""
        value = model_instance.__dict__.get(self.attname)
        if value is None or isinstance(value, SealedText):
            return value
        return SealedText(seal_text(value, context=self.place(model_instance)))

    def get_prep_value(self, value: Any) -> Any:
        """Refuse to write or look up plain text."""
        if value is not None and not isinstance(value, SealedText):
            message = f"{self.name} is sealed: save the instance instead of updating or filtering by it."
            raise TypeError(message)
        return None if value is None else str(value)


# --- files ---------------------------------------------------------------------------------------
def seal_file(source: BinaryIO, target: BinaryIO, *, context: str) -> None:
    """Encrypt a stream with a key of its own, which lies sealed in front of it.

    Every chunk is bound to its number and to whether it is the last: none can be left out or moved.
    """
    key = secrets.token_bytes(32)
    wrapped = seal_text(base64.b64encode(key).decode(), context=f"file|{context}").encode()
    target.write(FILE_MARK + struct.pack(">H", len(wrapped)) + wrapped)
    cipher, number, chunk = AESGCM(key), 0, source.read(CHUNK)
    while True:
        following = source.read(CHUNK)
        last = not following
        target.write(cipher.encrypt(_nonce(number), chunk, _place(context, number, last=last)))
        if last:
            return
        chunk, number = following, number + 1


def open_file(source: BinaryIO, *, context: str) -> Iterator[bytes]:
    """Decrypt what ``seal_file`` wrote, chunk by chunk.

    Raises SealError at the first chunk that was changed, moved or cut off.
    """
    if source.read(len(FILE_MARK)) != FILE_MARK:
        message = "This file is not sealed."
        raise SealError(message)
    try:
        cipher = AESGCM(base64.b64decode(open_text(_wrapped_key(source), context=f"file|{context}")))
        number, chunk = 0, source.read(CHUNK + TAG)
        while True:
            following = source.read(CHUNK + TAG)
            last = not following
            yield cipher.decrypt(_nonce(number), chunk, _place(context, number, last=last))
            if last:
                return
            chunk, number = following, number + 1
    except (InvalidTag, ValueError) as error:
        message = "This sealed file was changed or cut off."
        raise SealError(message) from error


def file_key(source: BinaryIO) -> str:
    """Name the ring's key under which a file is sealed; empty if it is not sealed."""
    if source.read(len(FILE_MARK)) != FILE_MARK:
        return ""
    return sealed_with(_wrapped_key(source))


def reseal_file(source: BinaryIO, target: BinaryIO, *, context: str) -> None:
    """Copy a sealed file with its own key sealed anew by the active key of the ring.

    Raises SealError if it is not sealed or its key cannot be opened.
    """
    if source.read(len(FILE_MARK)) != FILE_MARK:
        message = "This file is not sealed."
        raise SealError(message)
    place = f"file|{context}"
    wrapped = seal_text(open_text(_wrapped_key(source), context=place), context=place).encode()
    target.write(FILE_MARK + struct.pack(">H", len(wrapped)) + wrapped)
    shutil.copyfileobj(source, target, CHUNK)


def _wrapped_key(source: BinaryIO) -> str:
    try:
        (length,) = struct.unpack(">H", source.read(2))
        return source.read(length).decode()
    except (ValueError, struct.error) as error:
        message = "This sealed file was changed or cut off."
        raise SealError(message) from error


def _nonce(number: int) -> bytes:
    return number.to_bytes(NONCE, "big")  # never repeats: every file has a key of its own


def _place(context: str, number: int, *, last: bool) -> bytes:
    return f"{context}|{number}|{int(last)}".encode()


# --- signatures ----------------------------------------------------------------------------------
def sign(message: bytes) -> tuple[str, str]:
    """Sign with the active key; return the key's id and the Ed25519 signature in hex."""
    ring = key_ring()
    return ring.signer, Ed25519PrivateKey.from_private_bytes(ring.signing[ring.signer]).sign(message).hex()


def public_key(key_id: str) -> bytes | None:
    """Return the public half of a signing key, for those who check a signature elsewhere."""
    seed = key_ring().signing.get(key_id)
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw() if seed else None


def signature_holds(message: bytes, *, key_id: str, signature: str) -> bool:
    """Say whether a key of this ring made the signature over exactly these bytes."""
    raw = public_key(key_id)
    if raw is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


@contextmanager
def ring_lock() -> Iterator[None]:
    """Let one process at a time change the ring's file."""
    path = ring_path().with_suffix(".lock")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        message = f"Another rotation is under way. If none is, remove {path} and try again."
        raise SealError(message) from error
    os.close(descriptor)
    try:
        yield
    finally:
        path.unlink()
