"""An HTTP server for tests: hook.py FOLDER PORT [STATUS...].

Answers POSTs with the given statuses in their order, then with 200; a status of 302 leads to /elsewhere, one of 429 asks for a
pause of 2 s. Appends each request to FOLDER/requests.jsonl, with whether its signature is that of the key in FOLDER/key.
Prints its port once it listens.
"""

import hashlib
import hmac
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

folder, port, statuses = sys.argv[1], int(sys.argv[2]), [int(status) for status in sys.argv[3:]]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = statuses.pop(0) if statuses else 200
        delivery, timestamp = self.headers["X-Nad-Delivery"], self.headers["X-Nad-Timestamp"]
        is_signed = None
        if os.path.exists(f"{folder}/key"):
            with open(f"{folder}/key", "rb") as file:
                key = file.read().rstrip(b"\n")
            digest = hmac.new(key, f"{delivery}.{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
            is_signed = hmac.compare_digest(f"sha256={digest}", self.headers["X-Nad-Signature"] or "")
        seen = {
            "path": self.path,
            "status": status,
            "at": time.time(),
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "is_signed": is_signed,
            "body": json.loads(body),
        }
        with open(f"{folder}/requests.jsonl", "a") as file:
            file.write(json.dumps(seen) + "\n")
        answer = b"ok" if status == 200 else f"no service {self.path}".encode()
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        if status == 429:
            self.send_header("Retry-After", "2")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", port), Handler)
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
# Ends with whoever started it.
sys.stdin.read()
