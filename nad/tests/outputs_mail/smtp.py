"""An SMTP server for tests: smtp.py FOLDER MODE PORT, where MODE is plain, login, starttls or tls.

Writes each mail to FOLDER/mail-N.eml with its envelope, whether it came encrypted and who logged in as its first lines.
Takes "nad" with "hunter2-quiet" as its only login. Prints its port once it listens.
"""

import itertools
import json
import socket
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

folder, mode, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
numbers = itertools.count(1)


class Handler:
    async def handle_DATA(self, server, session, envelope):
        login = session.auth_data.login.decode() if session.auth_data else None
        seen = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "encrypted": session.ssl is not None or mode == "tls",
            "login": login,
        }
        with open(f"{folder}/mail-{next(numbers)}.eml", "wb") as file:
            file.write(json.dumps(seen).encode() + b"\n" + envelope.content)
        return "250 2.0.0 queued as test"


def authenticate(server, session, envelope, mechanism, data):
    good = data.login == b"nad" and data.password == b"hunter2-quiet"
    return AuthResult(success=good, auth_data=data, handled=False)


context = None
if mode in ("starttls", "tls"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")


class Loopback(Controller):
    def factory(self):
        return SMTP(
            self.handler,
            hostname="localhost",
            authenticator=authenticate,
            auth_required=mode != "plain",
            auth_require_tls=mode == "starttls",
            require_starttls=mode == "starttls",
            tls_context=context if mode == "starttls" else None,
        )


if port == 0:
    # The controller reaches its own server once, and so has to know its port before.
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
server = Loopback(Handler(), hostname="127.0.0.1", port=port, ssl_context=context if mode == "tls" else None)
server.start()
print(port, flush=True)
# Ends with whoever started it.
sys.stdin.read()
