"""Weights into the user's folder: from a mirror or the publisher, checked before they get their name.

lock -> is it there? -> one address after another into `.part` -> size and SHA-256 -> fsync -> rename.
Environment: MINDAAM_CACHE, the folder; MINDAAM_MIRRORS, https addresses to try first, separated by spaces;
MINDAAM_OFFLINE, anything but 0 or empty for no network.
"""

import os
import shlex
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from mindaam.errors import CheckpointError, ConfigError
from mindaam.file_kinds import START, TEXT, stand_in
from mindaam.files import start_of
from mindaam.zoo.checkpoints import sha256_of
from mindaam.zoo.fetching.cache import cache_dir, locked, pin, prepared, publish
from mindaam.zoo.fetching.transfer import check_address, discard, shown, transfer
from mindaam.zoo.index import announced, check, cure, hash_of, path_of, record, refuse_stand_in


class Fetched(NamedTuple):
    """A verified file: its path, its SHA-256, and the command that makes the zoo's file of it, if that is another."""

    path: Path
    sha256: str
    convert: str | None = None


def fetch(
    name, *, url=None, sha256=None, accept=False, mirrors=None, offline=None, context=None, report=None, notice=None
):
    """Fetches the file of the record `name`, or the publisher's original of it, unless it is there; gives a Fetched.

    url: its https address, where the index has none. sha256: its hash, where the index has none; accept takes any file
    instead. Either is then pinned in the user's folder. mirrors: https addresses that have the zoo's
    folders, tried first; None takes MINDAAM_MIRRORS. offline: no network; None takes MINDAAM_OFFLINE. context, report:
    as `transfer.transfer` takes them. notice: called with a sentence when there is something to wait for or to know.
    Raises ConfigError for an unknown name, an address that is not https, or a hash that contradicts the index;
    CheckpointError when there is no address, the transfer fails, or the file is not the right one; OutputError when it
    cannot be written. An unfinished file stays, and the next call continues from there.
    """
    entry, notice = record(name), notice or (lambda text: None)
    wanted = entry.original or entry
    addresses = _addresses(wanted, url, mirrors)
    expected = _expected(name, wanted, sha256, accept)
    path = path_of(entry)
    if os.path.isfile(path) and entry.sha256 and not (sha256 or accept):
        return Fetched(check(path, entry, cure(name, entry, path)), entry.sha256)
    if not os.path.isfile(path_of(wanted)):
        _insist(name, entry, addresses, expected or accept, _offline() if offline is None else offline)

    def waiting():
        notice(f"another process is fetching {name}; waiting for it")

    with locked(wanted.file, waiting):
        path = path_of(wanted)
        if os.path.isfile(path):
            got = _present(name, wanted, path, expected, accept)
        else:
            path = prepared(cache_dir() / wanted.file)
            size = wanted.bytes if expected == wanted.sha256 else None
            got = _first(addresses, path, expected, size, notice, context=context, report=report)
        if _announced_hash(name, wanted) is None:
            pin(wanted.file, got, path.stat().st_size)
    return Fetched(path, got, convert_command(name, path) if entry.original else None)


def convert_command(name, source):
    """The command that makes the zoo's file of the record `name` from `source`; its folder is made for it."""
    entry = record(name)
    source, target = shlex.quote(str(source)), shlex.quote(str(prepared(path_of(entry))))
    return f"mindaam convert --kind {entry.original.kind} --name {name} {source} {target}"


def _addresses(wanted, url, mirrors):
    """Where to look, in order: mirrors, then the given address or the index's."""
    if mirrors is None:
        mirrors = os.environ.get("MINDAAM_MIRRORS", "").split()
    found = [f"{check_address(mirror).rstrip('/')}/{quote(wanted.file)}" for mirror in mirrors]
    own = check_address(url) if url else wanted.url
    return [*found, own] if own else found


def _expected(name, wanted, sha256, accept):
    """The hash that the file must have, or None for any. Raises ConfigError for one that contradicts the index."""
    given, known = sha256 and hash_of(sha256), _announced_hash(name, wanted)
    if given and known and given != known:
        raise ConfigError(f"the SHA-256 of {name} is {known} in the index, not {given}; leave --sha256 out")
    pinned = None if accept else wanted.sha256
    return given or known or pinned


def _announced_hash(name, wanted):
    """The hash that the index itself has for a record or its original, or None."""
    entry = announced()[name]
    return entry.sha256 if entry.file == wanted.file else entry.original.sha256


def _present(name, wanted, path, expected, accept):
    """The hash of a file that already exists, after a check."""
    if expected is None and accept:
        refuse_stand_in(path)
        return sha256_of(path)
    if expected is None:
        raise CheckpointError(
            f"{path} exists but has no trusted hash yet: give its hash with --sha256, or accept it as it is with "
            f'"mindaam zoo fetch {name} --accept"'
        )
    size = wanted.bytes if expected == wanted.sha256 else None
    check(path, wanted.model_copy(update={"sha256": expected, "bytes": size}), cure(name, wanted, path))
    return expected


def _insist(name, entry, addresses, trusted, offline):
    """Raises CheckpointError that says what the user has to do before anything can be fetched."""
    if not addresses and entry.original:
        steps = [f"accept {entry.accept}"] if entry.accept else []
        steps += [entry.obtain] if entry.obtain else []
        steps += [f'run "{convert_command(name, "FILE")}"', f'run "mindaam zoo verify {name} --accept"']
        raise CheckpointError(f"{name} has no public address: {', then '.join(steps)}")
    if not addresses:
        how = entry.obtain or "it travels with the package, so install that again, or name a mirror with --mirror"
        raise CheckpointError(f"{name} has no address: {how}")
    if offline:
        remedy = "go online, or copy the file to the cache"
        raise CheckpointError(f"{name} was not found, and offline mode fetches nothing; {remedy}")
    if not trusted:
        raise CheckpointError(
            f"the hash of {name} is not known: give the publisher's with --sha256, or accept the file as it is with "
            f'"mindaam zoo fetch {name} --accept"'
        )


def _offline():
    return os.environ.get("MINDAAM_OFFLINE", "").strip().lower() not in ("", "0", "no", "false", "off")


def _first(addresses, path, expected, size, notice, **how):
    """Fetches from the first address that has the right file; returns its hash. Raises the last one's error."""
    for address in addresses:
        try:
            return _fetched(address, path, expected, size, **how)
        except CheckpointError as error:
            if address == addresses[-1]:
                raise
            notice(f"{error}; trying the next address")


def _fetched(address, path, expected, size, **how):
    part = path.with_name(f"{path.name}.part")
    for last in (False, True):
        continued = transfer(address, part, size=size, blind=expected is None, **how)
        got = sha256_of(part)
        named = stand_in(start_of(part, START)) if got != expected else None
        if named and named != TEXT:
            discard(part)
            raise CheckpointError(f"{shown(address)} gives {named}")
        if got == (expected or got):
            publish(part, path)
            return got
        discard(part)
        if last or not continued:  # otherwise the earlier attempt may be to blame
            raise CheckpointError(
                f"{shown(address)} gives a file with the SHA-256 {got}, expected {expected}; it was deleted"
            )
