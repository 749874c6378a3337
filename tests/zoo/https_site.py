"""An https server on this machine with a certificate made for it, and every way of behaving badly."""

import contextlib
import functools
import http.server
import re
import shutil
import ssl
import subprocess
import threading
import time

import pytest

from mindaam.zoo.fetching import transfer

VERSION = '"1"'


@functools.lru_cache(maxsize=1)
def certificate(folder):
    """A self-signed certificate for this machine and its key, as files; skips without the openssl command."""
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command, to make a certificate")
    own, key = folder / "site.pem", folder / "site.key"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command.split(), *names, "-keyout", key, "-out", own], check=True, capture_output=True)
    return own, key


class Site:
    """files: {path: content}; odd: {path: function of the request handler} in the place of good manners.

    asked: (path, Range header or None) of every request so far.
    """

    def __init__(self, port, pem):
        self.address, self.pem = f"https://127.0.0.1:{port}", pem
        self.files, self.odd, self.asked = {}, {}, []
        self.context = ssl.create_default_context(cafile=pem)

    def ranges(self, path):
        return [asked for where, asked in self.asked if where == path]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        site = self.server.site
        site.asked.append((self.path, self.headers["Range"]))
        site.odd.get(self.path, well)(self)

    def say(self, code, content=b"", **headers):
        """Sends a whole answer; headers are given with _ for -."""
        self.send_response(code)
        for name, value in {"Content_Length": len(content), "Content_Type": "x/y", **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = True


def well(handler, version=VERSION):
    """As a good server: ranges, a version, 404."""
    content = handler.server.site.files.get(handler.path.partition("?")[0])
    if content is None:
        handler.say(404, b"no")
        return
    asked = re.match(r"bytes=(\d+)-$", handler.headers["Range"] or "")
    same = handler.headers["If-Range"] in (None, version)
    if not asked or not same:
        handler.say(200, content, ETag=version)
    elif int(asked[1]) >= len(content):
        handler.say(416, Content_Range=f"bytes */{len(content)}")
    else:
        begin = int(asked[1])
        place = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        handler.say(206, content[begin:], ETag=version, Content_Range=place)


def without_ranges(handler):
    handler.say(200, handler.server.site.files[handler.path])


def broken_off(after):
    """A server that promises all and stops after so many bytes of each answer."""

    def answer(handler):
        content = handler.server.site.files[handler.path]
        asked = re.match(r"bytes=(\d+)-$", handler.headers["Range"] or "")
        begin = int(asked[1]) if asked else 0
        handler.send_response(206 if asked else 200)
        if asked:
            handler.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        handler.send_header("ETag", VERSION)
        handler.send_header("Content-Length", str(len(content) - begin))
        handler.end_headers()
        handler.wfile.write(content[begin : begin + after])
        handler.close_connection = True

    return answer


def slowly(handler):
    """All of it in ten pieces over half a second."""
    content = handler.server.site.files[handler.path]
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    step = -(-len(content) // 10)
    for begin in range(0, len(content), step):
        handler.wfile.write(content[begin : begin + step])
        handler.wfile.flush()
        time.sleep(0.05)


def to(url):
    return lambda handler: handler.say(302, Location=url)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that goes away is part of the tests


@contextlib.contextmanager
def serving(folder):
    """A Site that answers until the block ends; folder: a temporary one."""
    own, key = certificate(folder)
    server = _Server(("127.0.0.1", 0), Handler)
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(own, key)
    server.socket = secure.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.site = Site(server.server_port, own)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def reset(site, files, monkeypatch):
    """The running site with just these files {path: bytes} and nothing requested yet; no proxy, no pause between
    tries."""
    site.files, site.odd = files, {}
    site.asked.clear()
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(transfer, "PAUSE", 0.0)
    return site
