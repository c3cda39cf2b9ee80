"""A partner's side in Python: the headers of a call, signed over its body as it is sent."""

import base64
import hashlib
import hmac
import json
import os
import secrets
from datetime import datetime, timezone
from pathlib import Path

CREDENTIALS = json.loads(Path(os.environ["PLATEN_CREDENTIALS"]).read_text(encoding="utf-8"))


def identity():
    """The headers that say who calls and when; all but the token."""
    time = datetime.now(timezone.utc).strftime("%Y%m%d%H%M%S")
    return {
        "X-KM-User-AspId": CREDENTIALS["aspId"],
        "X-KM-Correlation-Id": f"{time[2:]}-{secrets.token_hex(4)[1:]}",
        "X-KM-Access-Key": CREDENTIALS["accessKey"],
        "X-KM-Tran-Time": time,
        "X-KM-Time-Zone": "UTC",
    }


def token(body):
    """`X-KM-Tran-Token` for a body."""
    time = datetime.now(timezone.utc).strftime("%Y%m%d%H%M%S%f")[:17]
    mac = hmac.digest(CREDENTIALS["secretKey"].encode(), body, hashlib.sha256)
    return f"KMV1:{time}:{base64.b64encode(mac).decode()}"
