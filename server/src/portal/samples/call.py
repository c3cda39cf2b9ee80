# {{title}}
# {{scenario}}
#
{{key}}
# Python 3.9 or newer, and its package for cryptography:
#   pip install cryptography
{{end}}
{{keyless}}
# Python 3.9 or newer, nothing to install:
{{end}}
#   platen credentials --format json > credentials.json
#   python3 call.py

import base64
import hashlib
import hmac
import json
import os
import secrets
import sys
import urllib.error
import urllib.request
from datetime import datetime, timezone
{{key}}

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
{{end}}

ORIGIN = os.environ.get("PLATEN_URL", "http://127.0.0.1:8080")
PATH = "{{path}}"
CLEAR = r'''{{body}}'''
with open("credentials.json", encoding="utf-8") as file:
    KEYS = json.load(file)
{{key}}
# SHA-256 in both places.
OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
{{end}}
{{request}}


def encrypt(clear):
    """A compact JWE: the text under a new AES key, and that key under the platform's RSA key."""
    header = base64url(b'{"alg":"RSA-OAEP-256","enc":"A256GCM"}')
    key, iv = secrets.token_bytes(32), secrets.token_bytes(12)
    public_key = serialization.load_pem_public_key(KEYS["serverPublicKey"].encode())
    sealed = AESGCM(key).encrypt(iv, clear.encode(), header.encode())
    parts = [public_key.encrypt(key, OAEP), iv, sealed[:-16], sealed[-16:]]
    return ".".join([header, *map(base64url, parts)])
{{end}}
{{response}}


def decrypt(jwe):
    """The text in a compact JWE that came for our private key."""
    header, *parts = jwe.split(".")
    wrapped, iv, sealed, tag = (base64.urlsafe_b64decode(part + "==") for part in parts)
    private_key = serialization.load_pem_private_key(KEYS["clientPrivateKey"].encode(), None)
    key = private_key.decrypt(wrapped, OAEP)
    return AESGCM(key).decrypt(iv, sealed + tag, header.encode()).decode()
{{end}}


{{request}}
body = json.dumps({"encData": encrypt(CLEAR)}).encode()
{{end}}
{{plain}}
body = CLEAR.encode()
{{end}}
time = datetime.now(timezone.utc).strftime("%Y%m%d%H%M%S%f")[:17]  # yyyyMMddHHmmssSSS
mac = base64.b64encode(hmac.digest(KEYS["secretKey"].encode(), body, hashlib.sha256)).decode()
headers = {
    "Content-Type": "application/json",
    "X-KM-User-AspId": KEYS["aspId"],
    # A new one for each new call; the same call again (no answer came) keeps its own.
    "X-KM-Correlation-Id": f"{time[2:14]}-{secrets.token_hex(4)[1:]}",
    "X-KM-Access-Key": KEYS["accessKey"],
{{key}}
    "X-KM-Crypto-Key-Id": KEYS["cryptoKeyId"],
{{end}}
    "X-KM-Tran-Token": f"KMV1:{time}:{mac}",
    "X-KM-Tran-Time": time[:14],
    "X-KM-Time-Zone": "UTC",
}
try:
    answer = urllib.request.urlopen(
        urllib.request.Request(ORIGIN + PATH, body, headers, method="POST"), timeout=60
    )
except urllib.error.HTTPError as error:
    answer = error  # a refusal is an answer too

text = answer.read().decode()
try:
{{response}}
    if "encData" in json.loads(text):  # codes of 000_9xx always come in clear
        text = decrypt(json.loads(text)["encData"])
{{end}}
    print(f"HTTP {answer.status}, code {json.loads(text)['response']['code']}")
except (ValueError, KeyError, TypeError) as error:
    print(text)
    sys.exit(f"HTTP {answer.status}, not understood: {error!r}")
print(text)
