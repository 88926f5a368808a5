"""The secrets of an inventory: one file on the controller, encrypted by Ansible Vault, in which each is made once."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import string
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nkeys
import yaml
from ansible import constants
from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret, get_file_vault_secret, match_encrypt_secret
from ansible.plugins.lookup import LookupBase

DOCUMENTATION = """
name: secret
short_description: A secret that is made once and kept in an encrypted file
description:
  - Returns secrets of the file C(vault.yml) in the folder that the variable C(cift_secrets_dir) names, and makes those
    that it lacks, unless C(cift_secrets_make) is false.
  - The file is encrypted by Ansible Vault with the password that the run was given (C(--vault-password-file),
    C(ANSIBLE_VAULT_PASSWORD_FILE), C(--vault-id), ...). Without one it is in the file that the variable
    C(cift_vault_password_file) names, which is made with the first secret.
  - What an older checkout kept there in files of their own is taken into it, and those files are removed.
options:
  _terms:
    description: Names of secrets.
  kind:
    description: What is made, and expected.
    choices: [password, nats_seed, age_identity]
    default: password
  previous:
    description: Return what a rotation has put aside instead, a dictionary by name.
    type: bool
    default: false
"""
EXAMPLES = """
- name: The public half of a key, which is all that the server may know
  ansible.builtin.debug:
    msg: "{{ lookup('secret', 'cift_secret_nats_api', kind='nats_seed') | nats_public_key }}"
"""
RETURN = """
_raw:
  description: The secrets, in the order of their names.
  type: list
  elements: str
"""
HEAD = """\
# Made by site.yml. It is changed by `ansible-vault edit`; a secret whose line is removed is made anew by the next run.
# Under `previous` is what servers still take while a rotation is on its way.
"""
# What checkouts had before this file: NAME with a password, NAME.nk with a seed, each of them .previous in a rotation.
PLAIN = re.compile(r"(?P<name>cift_secret_\w+|backup_identity)(\.nk|\.age)?(?P<previous>\.previous)?")
NAMES = {"backup_identity": "cift_secret_backup"}


class SecretsError(AnsibleError):
    """What is wrong with the file, its password or a secret in it: one sentence, without any secret."""


def _password() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))


def _nats_seed() -> str:
    return nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER).decode()


def _age_identity() -> str:
    try:
        made = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        raise SecretsError("age-keygen: not found, expected it on the controller; apt-get install age") from None
    return made.split()[-1]


# For each kind how one is made, how it looks, and that in words.
KINDS: dict[str, tuple[Callable[[], str], str, str]] = {
    "password": (_password, r".+", "one line"),
    "nats_seed": (_nats_seed, r"SU[A-Z2-7]{56}", "a seed of a NATS user: SU and 56 more"),
    "age_identity": (_age_identity, r"AGE-SECRET-KEY-[0-9A-Z-]+", "an identity of age: AGE-SECRET-KEY-..."),
}


@dataclass(frozen=True)
class Content:
    """What the file holds: secrets by name, and those from before a rotation that has not ended."""

    inventory: str
    secrets: dict[str, str] = field(default_factory=dict)
    previous: dict[str, str] = field(default_factory=dict)


class Store:
    """The file of one inventory. A change is whole or not made; forks of a play make theirs one after the other."""

    # What this process has decrypted already: that costs milliseconds, and a play asks hundreds of times.
    _opened: dict[tuple[Any, ...], Content] = {}  # noqa: RUF012 - shared on purpose

    def __init__(self, folder: Path, password_file: Path, loader: DataLoader) -> None:
        self.folder, self.file = folder, folder / "vault.yml"
        self._password_file, self._loader = password_file, loader

    def secret(self, name: str, kind: str = "password", *, make: bool = True) -> str:
        """Return a secret; one that isn't there is made.

        Raises:
            SecretsError: it is of another kind, or may not be made, or the file can't be used.
        """
        new, form, words = KINDS[kind]
        name = str(name)  # Ansible's own strings are subclasses, which YAML has no form for
        found = self.read().secrets.get(name)
        if found is None and not make:
            raise SecretsError(f"{self.file}: found no {name}, expected one; run site.yml from this checkout first")
        if found is None:
            with self._alone() as content:
                found = content.secrets.get(name) or new()
                self._write(replace(content, secrets=content.secrets | {name: found}))
        if not re.fullmatch(form, found):
            raise SecretsError(
                f"{self.file}: {name} has {len(found)} characters, expected {words}; "
                "remove its line by ansible-vault edit, and the next run makes one"
            )
        return found

    def read(self) -> Content:
        """Return what the file holds, with what an older checkout left beside it.

        Raises:
            SecretsError: it can't be opened.
        """
        if self._plain():
            with self._alone() as content:
                return content
        return self._load()

    def begin(self, names: Iterable[str], *, check: bool = False) -> list[str]:
        """Put secrets aside, all of them or none, so that new ones are made; returns their names.

        One that is aside already stays what it is: the run that put it there has not ended.
        """
        with self._alone() as content:
            moving = set(names) - set(content.previous)
            aside = {name: value for name, value in content.secrets.items() if name in moving}
            if aside and not check:
                kept = {name: value for name, value in content.secrets.items() if name not in aside}
                self._write(replace(content, secrets=kept, previous=content.previous | aside))
        return sorted(aside)

    def end(self, *, check: bool = False) -> list[str]:
        """Forget what was put aside; returns the names."""
        with self._alone() as content:
            if content.previous and not check:
                self._write(replace(content, previous={}))
        return sorted(content.previous)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[Content]:
        """Hold the folder for a change; the kernel gives it back with the process, however that ends."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise SecretsError(f"{self.folder}: {error.strerror}, expected a folder of this user's") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            for left in self.folder.glob(f".{self.file.name}.*"):  # of a run that was killed
                left.unlink()
            yield self._take_over(self._load())
        finally:
            os.close(handle)

    def _plain(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if PLAIN.fullmatch(path.name))

    def _take_over(self, content: Content) -> Content:
        """Take secrets in files of their own into the encrypted one; they are removed when that is on the disk."""
        files = self._plain()
        parts = {"secrets": dict(content.secrets), "previous": dict(content.previous)}
        for file in files:
            said = PLAIN.fullmatch(file.name)
            part = parts["previous" if said["previous"] else "secrets"]
            name = NAMES.get(said["name"], said["name"])
            lines = file.read_text(errors="replace").split(" salt=")[0].split("\n")
            value = next((line.strip() for line in lines if line.strip() and not line.startswith("#")), "")
            if not value or part.setdefault(name, value) != value:
                raise SecretsError(
                    f"{file}: found {'nothing' if not value else f'another {name} than in {self.file}'}, expected "
                    "the one secret of that name; move the file away"
                )
        changed = replace(content, **parts)
        if changed != content:
            self._write(changed)
        for file in files:
            file.unlink()
        return changed

    def _load(self) -> Content:
        try:
            seen, text = self.file.stat(), self.file.read_bytes()
        except FileNotFoundError:
            return Content(self.folder.name)
        except OSError as error:
            raise SecretsError(f"{self.file}: {error.strerror}, expected a file of this user's") from error
        keys = self._keys()
        signature = (self.file, seen.st_ino, seen.st_mtime_ns, seen.st_size, *(key.bytes for _, key in keys))
        if signature not in self._opened:
            self._opened[signature] = self._parse(self._decrypt(text, keys))
        return self._opened[signature]

    def _decrypt(self, text: bytes, keys: list[tuple[str, VaultSecret]]) -> bytes:
        if not VaultLib.is_encrypted(text):
            raise SecretsError(
                f"{self.file}: found {len(text)} bytes that ansible-vault didn't write, expected an encrypted file; "
                "put a copy of it back"
            )
        if not keys:
            raise SecretsError(
                f"{self.file}: found no vault password, expected that of this file; give it by --vault-password-file "
                f"or ANSIBLE_VAULT_PASSWORD_FILE, or put {self._password_file} back"
            )
        if (plain := opened(text, keys)) is not None:
            return plain
        if opened(text, self._own_keys()) is not None:
            raise SecretsError(
                f"{self.file}: found it encrypted with {self._password_file}, expected the vault password that was "
                f"given; ansible-vault rekey --vault-password-file {self._password_file} "
                f"--new-vault-password-file YOURS {self.file}"
            )
        raise SecretsError(
            f"{self.file}: can't be decrypted with the vault password ({', '.join(name for name, _ in keys)}), "
            "expected the one that it was encrypted with, and every byte of the file; give that one, or put a copy back"
        )

    def _parse(self, text: bytes) -> Content:
        try:
            content = Content(**yaml.safe_load(text))
            words = [*content.secrets.items(), *content.previous.items()]
        except (yaml.YAMLError, TypeError, AttributeError):
            words = [None]
        if not all(isinstance(word, str) for pair in words for word in (pair or [None])):
            raise SecretsError(
                f"{self.file}: found something else within, expected `inventory`, and words by name under `secrets` "
                "and `previous`; correct it by ansible-vault edit"
            )
        if content.inventory != self.folder.name:
            raise SecretsError(
                f"{self.file}: found the secrets of inventory {content.inventory}, expected those of "
                f"{self.folder.name}; move it to {self.folder.with_name(content.inventory)}, or say otherwise in it by "
                "ansible-vault edit"
            )
        return content

    def _write(self, content: Content) -> None:
        """Replace the file by one with another content, at once; the folder is held."""
        keys = self._keys() or self._make_key()
        name, key = match_encrypt_secret(keys, constants.DEFAULT_VAULT_ENCRYPT_IDENTITY)
        shown = HEAD + yaml.safe_dump(
            {"inventory": content.inventory, "secrets": content.secrets, "previous": content.previous}, sort_keys=False
        )
        encrypted = VaultLib(keys).encrypt(shown, key, vault_id=name)
        write(self.file, encrypted, os.replace)

    def _keys(self) -> list[tuple[str, VaultSecret]]:
        """The vault passwords of the run, as ansible has read them; else the checkout's own, where there is one."""
        return list(self._loader._vault.secrets or []) or self._own_keys()

    def _own_keys(self) -> list[tuple[str, VaultSecret]]:
        if not self._password_file.exists():
            return []
        try:
            key = get_file_vault_secret(str(self._password_file), loader=self._loader)
            key.load()
        except AnsibleError as error:
            raise SecretsError(f"{error}; expected the password of {self.file}, put a copy of it back") from error
        return [(constants.DEFAULT_VAULT_IDENTITY, key)]

    def _make_key(self) -> list[tuple[str, VaultSecret]]:
        """Make the checkout's own vault password. Another inventory may do so too: the first one made is right."""
        self._password_file.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            write(self._password_file, _password().encode() + b"\n", os.link)
        return self._own_keys()


def opened(text: bytes, keys: list[tuple[str, VaultSecret]]) -> bytes | None:
    """Return what a file holds, or nothing if no key opens it."""
    try:
        return VaultLib(keys).decrypt(text)
    except AnsibleError:
        return None


def write(path: Path, text: bytes, place: Callable[[str, Path], None]) -> None:
    """Write a file for its owner alone, and put it in its place when it is on the disk."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # its mode is 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        place(draft, path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)
    finally:
        Path(draft).unlink(missing_ok=True)


class LookupModule(LookupBase):
    """The lookup by name."""

    def run(
        self, terms: Iterable[str], variables: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> list[str] | list[dict[str, str]]:
        """Return a secret for each name, or all that a rotation has put aside."""
        self.set_options(var_options=variables, direct=kwargs)
        store = self.store(variables or {})
        if self.get_option("previous"):
            return [dict(store.read().previous)]
        make = boolean(self._value(variables or {}, "cift_secrets_make", default=True))
        return [store.secret(name, self.get_option("kind"), make=make) for name in terms]

    def store(self, variables: Mapping[str, Any]) -> Store:
        """Return the file that a host's variables name."""
        folder, password_file = (
            Path(self._value(variables, name)) for name in ("cift_secrets_dir", "cift_vault_password_file")
        )
        # Where an inventory that is a link leads to, under the name that it has here.
        return Store(folder.parent.resolve() / folder.name, password_file.resolve(), self._loader)

    def _value(self, variables: Mapping[str, Any], name: str, **otherwise: Any) -> Any:
        if name not in variables and "default" not in otherwise:
            raise SecretsError(f"{name}: not set, expected a path; inventories/shared/secrets.yml sets it")
        return self._templar.template(variables.get(name, otherwise.get("default")))
