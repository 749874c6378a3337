"""One file from one https address into a `.part` file, which continues an earlier attempt.

TLS is never switched off, and no redirect leaves https. The `.part` file has the promised length
at the end; the caller checks its content.
"""

import errno
import http.client
import json
import re
import shutil
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import suppress

from mindaam.errors import CheckpointError, ConfigError, OutputError

TIMEOUT = 30  # seconds without a byte
TRIES = 3  # consecutive ones without new bytes
PAUSE = 1.0  # seconds before another try, doubled after each one without new bytes
PIECE = 1 << 18
_NUMBER = "[0-9]{1,18}"  # in a header: of bytes
_BUSY = (408, 429, 500, 502, 503, 504)
_WEB_PAGE = re.compile(rb"^[\s\xef\xbb\xbf]*<(!doctype\s+html|html|head|body|\?xml)", re.IGNORECASE)


class _Dropped(Exception):
    """The connection failed in a way that may pass."""


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never out of https."""

    def redirect_request(self, request, file, code, message, headers, url):
        if not url.lower().startswith("https://"):
            raise CheckpointError(
                f"{shown(request.full_url)} redirects to {shown(url)}, which is not https; nothing was fetched"
            )
        return super().redirect_request(request, file, code, message, headers, url)


def shown(url):
    """An address as it may be shown: without user, password and query, which can hold secrets."""
    return _plain(re.sub(r"(?<=://)[^/@]*@", "", re.split(r"[?#]", url)[0]))


def check_address(url):
    """`url`, if it is a whole https address: of a host, a port from 1 to 65535 if any, and no blank, line break or
    letter that an address cannot have. Raises ConfigError otherwise."""
    try:
        port = urllib.parse.urlsplit(url).port
    except ValueError:  # of an invalid port, or of half a bracket
        port = 0
    if not re.fullmatch(r"https://[!-.0-~]+(/[!-~]*)?", url) or port == 0:
        raise ConfigError(f'"{shown(url)}" is not an https address; only https is supported')
    return url


def transfer(url, part, *, size=None, blind=False, context=None, report=None):
    """Brings `part` to the length of the file at `url`; returns whether any of it is from an earlier attempt.

    size: bytes expected, or None for the server's length. blind: the hash is unknown, so an earlier attempt is
    continued only if the server identifies the file as the same. context: an ssl.SSLContext that checks
    certificates and names; None is the system's. report: called as report(bytes so far, bytes in all).
    Received bytes stay in `part` when the connection drops, the disk is full or the process is stopped.
    Raises ConfigError for an address or context that is not safe; CheckpointError when the server does not send the
    file; OutputError when it cannot be written.
    """
    opener = _opener(context)
    check_address(url)
    left, most = TRIES, 0  # without the bytes of an earlier attempt, which may be deleted
    while True:
        try:
            return _transfer(opener, url, part, size, blind, report or (lambda done, total: None))
        except _Dropped as dropped:
            left, most = (TRIES if _length(part) > most else left - 1), max(most, _length(part))
            if left == 0:
                kept = _length(part)
                more = f"; {kept} bytes are kept, and the next attempt continues from there" if kept else ""
                raise CheckpointError(f"{shown(url)}: {dropped}{more}") from dropped
            time.sleep(PAUSE * 2 ** (TRIES - left))


def discard(part):
    """Removes a `.part` file and its stored validator."""
    for path in (part, _memory(part)):
        with suppress(FileNotFoundError):
            path.unlink()


def _opener(context):
    context = context or ssl.create_default_context()
    if context.verify_mode != ssl.CERT_REQUIRED or not context.check_hostname:
        raise ConfigError("the given TLS context does not check certificates and names; give one that does")
    opener = urllib.request.OpenerDirector()  # not build_opener, which would add http, ftp and file
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPSHandler(context=context),
        urllib.request.HTTPDefaultErrorHandler(),
        _HttpsOnly(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _plain(text):
    """A text of a server for a terminal: one line without control characters."""
    return "".join(sign if sign.isprintable() else "?" for sign in " ".join(str(text).split()))


def _transfer(opener, url, part, size, blind, report):
    start, validator = _length(part), _remembered(part, url)
    if start and ((size is not None and start > size) or (blind and not validator)):
        discard(part)
        start = 0
    if start and start == size:
        return True
    response = _ask(opener, url, start, validator)
    if response is None and size is None and not blind:  # the server has no more than that
        return True
    if response is None or _changed(response, validator, blind):
        if response:
            response.close()
        discard(part)
        response = _ask(opener, url, 0, None)
    with response:
        if response.status != 206:
            start = 0
        total = _promised(response, url, start, size)
        _write(response, url, part, start, total, report)
    with suppress(FileNotFoundError):
        _memory(part).unlink()
    return start > 0


def _ask(opener, url, start, validator):
    """The server's response from byte `start` on; None when it has no such bytes."""
    from mindaam import __version__

    headers = {"User-Agent": f"mindaam/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if validator:  # a changed file then comes whole
            headers["If-Range"] = validator
    try:
        return opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and start:
            return None
        if error.code in _BUSY:
            raise _Dropped(f"the server answers {error.code} {_plain(error.reason)}; try again later") from error
        raise CheckpointError(f"{shown(url)}: {_refusal(error)}") from error
    except urllib.error.URLError as error:
        raise _unreachable(url, error.reason) from error
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(url, error) from error
    except ValueError as error:
        raise CheckpointError(f"{shown(url)} redirects to an invalid address; try another address") from error


def _refusal(error):
    if error.code in (401, 403):
        return f"the server refuses it ({error.code}); it may require a license to be accepted, or a login"
    if error.code in (404, 410):
        return f"the file does not exist ({error.code}); check the address"
    return f"the server answers {error.code} {_plain(error.reason)}; check the address"


def _unreachable(url, reason):
    if isinstance(reason, ssl.SSLCertVerificationError):
        return CheckpointError(
            f"{shown(url)} cannot be trusted: {reason.verify_message}; for a private certificate authority, set its "
            "certificate in SSL_CERT_FILE"
        )
    if isinstance(reason, TimeoutError):
        return _Dropped(f"no answer within {TIMEOUT} s; try again later")
    return _Dropped(f"cannot be reached ({_plain(reason)}); check the network")


def _promised(response, url, start, size):
    """The whole file's length, after the response's headers have been checked."""
    headers, where = response.headers, shown(url)
    if headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        raise CheckpointError(f"{where} gives a web page instead of weights; it may require a login or a license")
    if headers.get("Content-Encoding", "identity") != "identity":
        raise CheckpointError(f"{where} gives the file compressed, unrequested; try another address")
    length = headers.get("Content-Length")
    total = start + int(length) if re.fullmatch(_NUMBER, length or "") else size
    if response.status == 206:
        found = re.fullmatch(rf"bytes ({_NUMBER})-({_NUMBER})/({_NUMBER}|\*)", headers.get("Content-Range", ""))
        if not found or int(found[1]) != start:
            raise CheckpointError(f"{where} sends another part of the file than requested; try another address")
        total = int(found[3]) if found[3] != "*" else int(found[2]) + 1
    if total is None:
        raise CheckpointError(f"{where} does not send the length of the file; try another address")
    if total == 0:
        raise CheckpointError(f"{where} gives an empty file; try another address")
    if size is not None and total != size:
        raise CheckpointError(f"{where} has {total} bytes instead of {size}; it is not the requested file")
    return total


def _write(response, url, part, start, total, report):
    try:
        free, needed = shutil.disk_usage(part.parent).free, total - start
        if free < needed:
            raise OSError(errno.ENOSPC, f"{needed / 1e6:.0f} MB are missing and {free / 1e6:.0f} MB are free")
        piece, done = _next(response), start
        if start == 0 and _WEB_PAGE.match(piece):
            raise CheckpointError(f"{shown(url)} gives a web page instead of weights; open it in a browser")
        if start == 0:
            discard(part)  # before the validator of the new version is stored
        _remember(part, url, response)
        with open(part, "r+b" if start else "wb") as file:
            file.seek(start)
            while piece:
                if done + len(piece) > total:
                    raise CheckpointError(f"{shown(url)} sends more than the promised {total} bytes")
                file.write(piece)
                done += len(piece)
                report(done, total)
                piece = _next(response)
    except OSError as error:
        raise OutputError(
            f"cannot write {part}: {error.strerror or error}; free some space or choose another folder with "
            "MINDAAM_CACHE, and run this again, which continues from there"
        ) from error
    if done < total:
        raise _Dropped(f"the connection ended at {done} of {total} bytes; try again later")


def _next(response):
    """The next bytes as they come, b"" at the end."""
    try:
        return response.read1(PIECE)
    except TimeoutError as error:
        raise _Dropped(f"no byte came for {TIMEOUT} s; try again later") from error
    except (OSError, http.client.HTTPException) as error:
        raise _Dropped(f"the connection broke ({_plain(error)}); try again later") from error


def _length(part):
    try:
        return part.stat().st_size
    except FileNotFoundError:
        return 0


def _memory(part):
    return part.with_name(f"{part.name}.json")


def _validator(response):
    """The server's identifier of this version of the file, or None; a weak tag is not sufficient."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified")


def _changed(response, validator, blind):
    """Whether the rest of a file that comes here is not, or may not be, of the version that is there."""
    if response.status != 206 or not validator:
        return False
    now = _validator(response)
    return now != validator if blind else now not in (None, validator)


def _remember(part, url, response):
    """Stores which version of which file the part is of."""
    memory = {"url": shown(url), "validator": _validator(response)}
    with suppress(OSError):  # without it, the next attempt is only slower
        _memory(part).write_text(json.dumps(memory), encoding="utf-8")


def _remembered(part, url):
    """The validator of the version that the part is of, if the address is the same; else None."""
    try:
        memory = json.loads(_memory(part).read_text(encoding="utf-8"))
        return memory["validator"] if memory["url"] == shown(url) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
