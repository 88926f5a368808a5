"""An inventory's secrets: made once into one encrypted file, whole whatever happens, and never in a message."""

from __future__ import annotations

import multiprocessing
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import nkeys
import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultSecret

from tests.servers.vault import kept
from tests.unit.role_code import load

plugin = load("rotate/lookup_plugins/secret.py")
NAMES = ["cift_secret_nats_sys", "cift_secret_nats_api", "cift_secret_cache"]


def store(root: Path, *passwords: str, name: str = "cage") -> Any:
    """The file of an inventory in a checkout, for a run with these vault passwords."""
    loader = DataLoader()
    loader.set_vault_secrets([(f"id{number}", VaultSecret(word.encode())) for number, word in enumerate(passwords)])
    return plugin.Store(root / "secrets" / name, root / "vault-password", loader)


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_each_is_made_once_and_of_its_kind(tmp_path: Path) -> None:
    one = store(tmp_path)
    password = one.secret("cift_secret_cache")
    seed = one.secret("cift_secret_nats_api", "nats_seed")
    identity = one.secret("cift_secret_backup", "age_identity")
    assert re.fullmatch(r"[A-Za-z0-9]{32}", password)
    assert nkeys.from_seed(seed.encode()).public_key.startswith(b"U")
    public = subprocess.run(["age-keygen", "-y"], input=identity, capture_output=True, text=True, check=True).stdout
    assert public.startswith("age1")

    before = files(tmp_path)
    again = store(tmp_path)
    assert again.secret("cift_secret_cache") == password
    assert again.secret("cift_secret_nats_api", "nats_seed") == seed
    assert files(tmp_path) == before
    assert set(before) == {"vault-password", "secrets/cage/vault.yml"}
    assert not [text for text in before.values() for secret in (password, seed, identity) if secret.encode() in text]
    for path in before:
        assert (tmp_path / path).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "secrets/cage").stat().st_mode & 0o777 == 0o700
    assert kept(one.file, tmp_path / "vault-password") == {
        "inventory": "cage",
        "secrets": {"cift_secret_cache": password, "cift_secret_nats_api": seed, "cift_secret_backup": identity},
        "previous": {},
    }


def test_who_asks_at_the_same_time_gets_the_same(tmp_path: Path) -> None:
    found: list[tuple[str, str]] = []

    def ask(inventory: str, name: str) -> None:
        found.append((inventory + name, store(tmp_path, name=inventory).secret(name)))

    asked = [(inventory, f"cift_secret_{number % 4}") for inventory in ("one", "two") for number in range(24)]
    threads = [threading.Thread(target=ask, args=words) for words in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 48
    assert len(set(found)) == 8
    assert set(files(tmp_path)) == {"vault-password", "secrets/one/vault.yml", "secrets/two/vault.yml"}


def test_the_password_of_the_run_comes_first(tmp_path: Path) -> None:
    made = store(tmp_path, "of the site").secret("cift_secret_cache")
    assert set(files(tmp_path)) == {"secrets/cage/vault.yml"}
    assert (tmp_path / "secrets/cage/vault.yml").read_text().startswith("$ANSIBLE_VAULT;1.2;AES256;id0\n")
    # Under another id, and beside others.
    assert store(tmp_path, "another", "of the site").secret("cift_secret_cache") == made


def spoil(file: Path, how: str) -> None:
    text = file.read_bytes()
    digit = len(text) // 2
    file.write_bytes({
        "empty": b"",
        "plain": b"secrets: {}\n",
        "cut": text[:-40],
        "changed": text[:digit] + (b"1" if text[digit : digit + 1] != b"1" else b"2") + text[digit + 1 :],
        "headless": text.replace(b"AES256", b"AES128"),
    }[how])  # fmt: skip


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("empty", "found 0 bytes that ansible-vault didn't write, expected an encrypted file; put a copy"),
        ("plain", "found 12 bytes that ansible-vault didn't write"),
        ("cut", "can't be decrypted with the vault password (default), expected the one that it was encrypted with"),
        ("changed", "can't be decrypted"),
        ("headless", "can't be decrypted"),
    ],
)
def test_a_damaged_file_is_left_as_it_is(tmp_path: Path, how: str, words: str) -> None:
    made = store(tmp_path).secret("cift_secret_cache")
    spoil(tmp_path / "secrets/cage/vault.yml", how)
    refused(tmp_path, words, made)


def refused(root: Path, words: str, *hidden: str, passwords: tuple[str, ...] = ()) -> None:
    """Whatever is asked is answered by one sentence, and nothing is changed."""
    before = files(root)
    asked = store(root, *passwords)
    for ask in (
        lambda: asked.secret("cift_secret_cache"),
        lambda: asked.secret("cift_secret_new"),
        lambda: asked.begin(["cift_secret_cache"]),
        asked.end,
        asked.read,
    ):
        with pytest.raises(plugin.SecretsError) as error:
            ask()
        assert words in str(error.value)
        assert "expected" in str(error.value)
        assert not [secret for secret in hidden if secret in str(error.value)]
    assert files(root) == before


def test_a_wrong_vault_password_and_none_are_told_apart(tmp_path: Path) -> None:
    made = store(tmp_path, "right").secret("cift_secret_cache")
    refused(tmp_path, "can't be decrypted with the vault password (id0, id1)", made, passwords=("wrong", "bad"))
    refused(tmp_path, "found no vault password, expected that of this file; give it by --vault-password-file", made)


def test_a_vault_password_given_later_is_told_how_to_take_over(tmp_path: Path) -> None:
    made = store(tmp_path).secret("cift_secret_cache")
    refused(tmp_path, "ansible-vault rekey --vault-password-file", made, passwords=("new",))
    (tmp_path / "new").write_text("new\n")
    program = Path(sys.executable).with_name("ansible-vault")
    words = ["--vault-password-file", tmp_path / "vault-password", "--new-vault-password-file", tmp_path / "new"]
    file = tmp_path / "secrets/cage/vault.yml"
    subprocess.run([program, "rekey", *words, file], check=True, capture_output=True)
    assert store(tmp_path, "new").secret("cift_secret_cache") == made
    refused(tmp_path, "can't be decrypted", made)
    (tmp_path / "vault-password").write_text("")
    refused(tmp_path, "Invalid vault password was provided from file", made)


def test_a_file_of_another_inventory_is_refused(tmp_path: Path) -> None:
    made = store(tmp_path, "pw", name="other").secret("cift_secret_cache")
    (tmp_path / "secrets/other").rename(tmp_path / "secrets/cage")
    words = f"found the secrets of inventory other, expected those of cage; move it to {tmp_path}/secrets/other"
    refused(tmp_path, words, made, passwords=("pw",))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just words",
        "- a list",
        "a: b: c",
        "{inventory: cage, x: y}",
        "{inventory: cage, secrets: null}",
        "{inventory: cage, secrets: {a: 1}}",
        "{inventory: cage, previous: {1: a}}",
    ],
)
def test_what_an_editor_broke_is_refused(tmp_path: Path, text: str) -> None:
    one = store(tmp_path, "pw")
    one.folder.mkdir(parents=True)
    one.file.write_bytes(plugin.VaultLib(one._keys()).encrypt(text, one._keys()[0][1]))
    refused(tmp_path, "found something else within", passwords=("pw",))


def test_a_secret_of_another_kind_is_refused_without_showing_it(tmp_path: Path) -> None:
    made = store(tmp_path).secret("cift_secret_nats_api")
    before = files(tmp_path)
    with pytest.raises(plugin.SecretsError, match="has 32 characters, expected a seed of a NATS user") as error:
        store(tmp_path).secret("cift_secret_nats_api", "nats_seed")
    assert made not in str(error.value)
    assert files(tmp_path) == before


def test_nothing_is_made_where_that_is_forbidden(tmp_path: Path) -> None:
    with pytest.raises(plugin.SecretsError, match=r"found no cift_secret_cache, expected one; run site\.yml"):
        store(tmp_path).secret("cift_secret_cache", make=False)
    assert files(tmp_path) == {}


PLAIN = {
    "cift_secret_cache": "pass word salt=abc\n",
    "cift_secret_nats_api.nk": f"{'SU' + 'A' * 56}\n",
    "cift_secret_cache.previous": "before\n",
    "backup_identity.age": "# created: now\n# public key: age1x\nAGE-SECRET-KEY-1X\n",
    "notes": "an operator's own\n",
}


def older(root: Path, **others: str) -> None:
    folder = root / "secrets/cage"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (PLAIN | others).items():
        (folder / name).write_text(text)


def test_what_an_older_checkout_left_is_taken_over_once(tmp_path: Path) -> None:
    older(tmp_path)
    content = store(tmp_path).read()
    assert content.secrets == {
        "cift_secret_cache": "pass word",
        "cift_secret_nats_api": "SU" + "A" * 56,
        "cift_secret_backup": "AGE-SECRET-KEY-1X",
    }
    assert content.previous == {"cift_secret_cache": "before"}
    after = files(tmp_path)
    assert set(after) == {"vault-password", "secrets/cage/vault.yml", "secrets/cage/notes"}
    # A run that was killed before it had removed them all.
    (tmp_path / "secrets/cage/cift_secret_cache").write_text(PLAIN["cift_secret_cache"])
    assert store(tmp_path).read() == content
    assert files(tmp_path) == after


@pytest.mark.parametrize("other", ["", "another\n"])
def test_a_plain_file_that_says_otherwise_is_left_alone(tmp_path: Path, other: str) -> None:
    older(tmp_path)
    store(tmp_path).read()
    older(tmp_path, cift_secret_cache=other)
    refused(tmp_path, "expected the one secret of that name; move the file away", "pass word")


def test_a_rotation_puts_all_aside_or_none(tmp_path: Path) -> None:
    one = store(tmp_path)
    old = {name: one.secret(name) for name in NAMES}
    before = files(tmp_path)
    assert one.begin(NAMES[:2], check=True) == sorted(NAMES[:2])
    assert files(tmp_path) == before
    assert one.begin(NAMES[:2]) == sorted(NAMES[:2])
    new = {name: one.secret(name) for name in NAMES[:2]}
    assert one.read().previous == {name: old[name] for name in NAMES[:2]}
    assert one.secret(NAMES[2]) == old[NAMES[2]]
    assert set(new.values()).isdisjoint(old.values())
    # A run that was killed is carried on: what is aside stays, and the new ones too.
    assert one.begin(NAMES[:2]) == []
    assert {name: one.secret(name) for name in NAMES[:2]} == new
    before = files(tmp_path)
    assert one.end(check=True) == sorted(NAMES[:2])
    assert files(tmp_path) == before
    assert one.end() == sorted(NAMES[:2])
    assert one.read().secrets == old | new
    assert one.read().previous == {}
    before = files(tmp_path)
    assert (one.end(), one.begin(["cift_secret_unknown"])) == ([], [])
    assert files(tmp_path) == before


def rotate_for_ever(root: Path) -> None:
    one = store(root)
    while True:
        one.begin(NAMES)
        for name in NAMES:
            one.secret(name)
        one.end()


def test_a_run_that_is_killed_leaves_a_whole_file(tmp_path: Path) -> None:
    one, chance = store(tmp_path), random.Random(5)
    for name in NAMES:
        one.secret(name)
    seen = set()
    for _ in range(25):
        before = one.read()
        running = multiprocessing.get_context("fork").Process(target=rotate_for_ever, args=(tmp_path,))
        running.start()
        time.sleep(chance.uniform(0.01, 0.15))
        os.kill(running.pid or 0, signal.SIGKILL)
        running.join()
        after = one.read()
        # Servers know each of them, by the new secret or the one before; all were put aside together.
        assert set(after.secrets) | set(after.previous) == set(NAMES)
        assert set(after.previous) in (set(), set(NAMES))
        seen.add((before == after, len(after.secrets), len(after.previous)))
    assert len(seen) > 1
    for name in NAMES:
        one.secret(name)
    one.end()
    left = set(files(tmp_path)) - {"vault-password", "secrets/cage/vault.yml"}
    assert left == set()
