"""A complete consumer, standard library and joserfc only: python consumer.py PLATFORM CLIENT KEY SUBJECT PURPOSE DATASET

It obtains a token as an OAuth client (private_key_jwt), binds it to its key (DPoP), asks for one resident's data
for one purpose, and prints the answer, or the platform's reason for not giving one.
"""

import base64
import hashlib
import json
import secrets
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

platform, client, key_file, subject, purpose, dataset = sys.argv[1:7]
with open(key_file) as file:
    key = ECKey.import_key(json.load(file))
now = int(time.time())


def proof(url: str, token: str = "") -> str:
    claims = {"jti": secrets.token_hex(16), "htm": "POST", "htu": url, "iat": int(time.time())}
    if token:
        digest = hashlib.sha256(token.encode()).digest()
        claims["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    public = {name: key.as_dict(private=False)[name] for name in ("kty", "crv", "x", "y")}
    return jwt.encode({"alg": "ES256", "typ": "dpop+jwt", "jwk": public}, claims, key)


def post(path: str, body: bytes, content_type: str, token: str = "") -> dict[str, Any]:
    headers = {"Content-Type": content_type, "DPoP": proof(platform + path, token)}
    if token:
        headers["Authorization"] = f"DPoP {token}"
    try:
        with urllib.request.urlopen(urllib.request.Request(platform + path, body, headers)) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        sys.exit(refused.read().decode())


assertion = jwt.encode(
    {"alg": "ES256", "kid": key.kid},
    {"iss": client, "sub": client, "aud": platform, "exp": now + 60, "jti": secrets.token_hex(16)}, key)  # fmt: skip
form = {
    "grant_type": "client_credentials", "scope": "personal:exchange", "client_id": client,
    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    "client_assertion": assertion}  # fmt: skip
granted = post("/oauth2/token", urllib.parse.urlencode(form).encode(), "application/x-www-form-urlencoded")
asked = json.dumps({"subject": subject, "purpose": purpose, "datasets": [dataset]}).encode()
print(json.dumps(post("/personal/v1/exchange", asked, "application/json", granted["access_token"]), indent=2))
