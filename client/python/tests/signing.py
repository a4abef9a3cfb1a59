"""A lakeFS whose object store signs URLs: a proxy in front of an embedded lake."""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers import Server


@contextlib.contextmanager
def signing(server: Server) -> Iterator[str]:
    """Runs the proxy and returns its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            parts = urlsplit(self.path)
            signed = parts.path == "/signed"
            path = parse_qs(parts.query)["of"][0] if signed else self.path.replace("presign=true", "")
            if signed:
                headers["Authorization"] = parse_qs(parts.query)["by"][0]
            try:
                with urllib.request.urlopen(urllib.request.Request(server.rest + path, headers=headers)) as answer:
                    self._respond(answer.status, self._changed(parts.path, parts.query, answer.read()))
            except urllib.error.HTTPError as refused:
                self._respond(refused.code, refused.read())

        def _changed(self, path: str, query: str, body: bytes) -> bytes:
            asked = parse_qs(query)
            if asked.get("presign") != ["true"]:
                return body
            content = f"{path.removesuffix('/stat')}?{urlencode({'path': asked['path'][0]})}"
            by = urlencode({"of": content, "by": self.headers["Authorization"]})
            return json.dumps({**json.loads(body), "physical_address": f"{url}/signed?{by}"}).encode()

        def _respond(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Logs nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        url = f"http://127.0.0.1:{listening.server_port}"
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield url
        listening.shutdown()
        thread.join()
