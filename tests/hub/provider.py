"""A small OpenID Connect provider, which tests start as a program of its own.

It asks nobody anything: whoever comes is the person whom ``/be?claims=…`` named last. It prints
its port.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "rltrack", "s3cret"
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


class Provider(BaseHTTPRequestHandler):
    person: dict[str, Any] = {}  # noqa: RUF012  # of all requests
    codes: dict[str, dict[str, str]] = {}  # noqa: RUF012

    def do_GET(self) -> None:
        at = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(at.query).items()}
        issuer = f"http://{self.headers['host']}"
        if at.path == "/.well-known/openid-configuration":
            self.tell(
                {
                    "issuer": issuer,
                    "authorization_endpoint": f"{issuer}/authorize",
                    "token_endpoint": f"{issuer}/token",
                    "jwks_uri": f"{issuer}/keys",
                }
            )
        elif at.path == "/keys":
            self.tell({"keys": [KEY.as_dict(private=False)]})
        elif at.path == "/be":
            Provider.person = json.loads(query["claims"])
            self.tell({})
        else:
            assert at.path == "/authorize"
            assert query["client_id"] == CLIENT
            assert query["response_type"] == "code"
            assert query["code_challenge_method"] == "S256"
            code = secrets.token_hex()
            self.codes[code] = query
            back = urlencode({"code": code, "state": query["state"]})
            self.send_response(302)
            self.send_header("location", f"{query['redirect_uri']}?{back}")
            self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        asked = self.codes.pop(form["code"])
        login = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        assert self.headers["authorization"] == f"Basic {login}"
        assert form["redirect_uri"] == asked["redirect_uri"]
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        claims = {
            "iss": f"http://{self.headers['host']}",
            "aud": CLIENT,
            "exp": int(time.time()) + 60,
            "nonce": asked["nonce"],
            **self.person,
        }
        key = OTHER if claims.pop("forged", False) else KEY
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)
        self.tell({"access_token": "none", "token_type": "Bearer", "id_token": token})

    def tell(self, told: object) -> None:
        data = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    print(server.server_port, flush=True)
    server.serve_forever()
