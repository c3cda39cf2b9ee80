"""Validates the document at an address: python validate.py URL."""

import json
import sys
import urllib.request

from openapi_spec_validator import OpenAPIV31SpecValidator, validate

with urllib.request.urlopen(sys.argv[1], timeout=10) as answer:
    document = json.load(answer)
if not document["openapi"].startswith("3.1."):
    sys.exit(f"OpenAPI {document['openapi']} is not what this validates")
validate(document, cls=OpenAPIV31SpecValidator)
operations = [item["post"] for item in document["paths"].values() if "post" in item]
print(f"valid: {len(operations)} operations that are called with POST")
