"""One call by the client that openapi-python-client made: python client.py ORIGIN REQUEST.

Prints what the client made of the answer. The folder that holds the client is the current one.
"""

import json
import sys

import httpx

import signing

sys.path.insert(0, ".")
from platen_api.api.prepaid_cards import prepaid_card_reissue  # noqa: E402
from platen_api.client import Client  # noqa: E402
from platen_api.models.prepaid_card_reissue_request import PrepaidCardReissueRequest  # noqa: E402


def sign(request: httpx.Request):
    """The token is over the body as it is sent, which only the client knows."""
    request.headers["X-KM-Tran-Token"] = signing.token(request.read())


origin, request = sys.argv[1], json.loads(sys.argv[2])
client = Client(
    base_url=origin + "/open-api",
    httpx_args={"event_hooks": {"request": [sign]}, "trust_env": False},
)
headers = signing.identity()
answer = prepaid_card_reissue.sync_detailed(
    client=client,
    body=PrepaidCardReissueRequest.from_dict(request),
    x_km_user_asp_id=headers["X-KM-User-AspId"],
    x_km_correlation_id=headers["X-KM-Correlation-Id"],
    x_km_access_key=headers["X-KM-Access-Key"],
    x_km_tran_token=signing.token(b""),
    x_km_tran_time=headers["X-KM-Tran-Time"],
    x_km_time_zone=headers["X-KM-Time-Zone"],
)
parsed = answer.parsed
print(json.dumps({"status": answer.status_code, "type": type(parsed).__name__,
                  "body": parsed.to_dict()}))
