#!/usr/bin/python3
"""postbox.py PORT FILE smtp|smtps CERTIFICATE KEY [NAME PASSWORD]: a mail server on loopback, for tests:
with TLS, and for who has that name and password only. What it takes goes to the file, which is there when
it listens."""

import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

port, file, kind, certificate, key, *login = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)


class Postbox:
    async def handle_DATA(self, server, session, envelope):
        with open(file, "a") as out:
            out.write(f"authenticated={session.authenticated} {envelope.rcpt_tos}\n")
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=[data.login.decode(), data.password.decode()] == login, handled=False)


class Server(Controller):
    def factory(self):
        options = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False} if login else {}
        return SMTP(self.handler, tls_context=context if kind == "smtp" else None, **options)


Server(Postbox(), hostname="127.0.0.1", port=int(port), ssl_context=context if kind == "smtps" else None).start()
open(file, "a").close()
while True:
    time.sleep(60)
