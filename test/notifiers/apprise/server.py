"""The notify and json endpoints of the Apprise API server (caronc/apprise-api), on the real Apprise library.

The server itself is not on PyPI. Arguments: port, key, configuration file in Apprise's text format.
"""
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import apprise

PORT, KEY, CONFIG = int(sys.argv[1]), sys.argv[2], sys.argv[3]


def load():
    config = apprise.AppriseConfig()
    config.add(f"file://{CONFIG}?format=text")
    sender = apprise.Apprise()
    sender.add(config)
    return sender


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=None):
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        path = self.path.split("?")[0].rstrip("/")
        if path == "/status":
            return self.answer(200, {"status": "OK"})
        if path != f"/json/urls/{KEY}":
            return self.answer(204 if path.startswith("/json/urls/") else 404)
        urls = [{"url": each.url(privacy=True), "tags": sorted(map(str, each.tags))} for each in load().find("all")]
        self.answer(200, {"tags": sorted({tag for each in urls for tag in each["tags"]}), "urls": urls})

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        content = self.rfile.read(length)
        path = self.path.rstrip("/")
        if path != f"/notify/{KEY}":
            return self.answer(204 if path.startswith("/notify/") else 404)
        try:
            asked = json.loads(content)
        except ValueError:
            return self.answer(400, {"error": "bad JSON"})
        if asked.get("type", "info") not in apprise.NOTIFY_TYPES:
            return self.answer(400, {"error": "bad type"})
        if not asked.get("body") or asked.get("format", "text") not in apprise.NOTIFY_FORMATS:
            return self.answer(400, {"error": "bad body or format"})
        tag = asked.get("tag", "all")
        sent = load().notify(
            body=asked["body"],
            title=asked.get("title", ""),
            notify_type=asked.get("type", "info"),
            body_format=asked.get("format", "text"),
            tag=tag,
        )
        self.answer(200 if sent else 424, {"error": None if sent else "not all services were notified"})

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
