"""Calls every operation of the shop as its clients do: valid values, several consumers. Usage: drive.py PORT ROUNDS."""

import sys
from uuid import UUID

import httpx

STATES = ["new", "paid", "shipped"]
TOKENS = ["dGhlIGZpcnN0IHRva2Vu", "dGhlIHNlY29uZCB0b2tlbg", "dGhlIHRoaXJkIHRva2VuIA", "dGhlIGZvdXJ0aCB0b2tl"]

with httpx.Client(base_url=f"http://127.0.0.1:{sys.argv[1]}") as client:
    for at in range(int(sys.argv[2])):
        headers = {"Authorization": f"Bearer {TOKENS[at % 4]}"}
        order = {"customer": 1000 + at, "lines": [{"sku": f"ABC-{at:04}", "count": 1 + at % 9}] * (1 + at % 3)}
        if at % 2:
            order["note"] = f"Leave it at door {at}, please"
        uuid = UUID(int=0x40008000000000000000 + at * 7919 << 40 | at)
        for method, target, body in [
            ("GET", "/health", None),
            ("GET", f"/orders?limit={1 + at % 100}&state={STATES[at % 3]}", None),
            ("POST", "/orders", order),
            ("GET", f"/orders/{1000 + at}", None),
            ("PUT", f"/orders/{1000 + at}", order),
            ("DELETE", f"/orders/{1000 + at}", None),
            ("GET", f"/orders/{1000 + at}/lines/{at % 20}", None),
            ("GET", f"/customers/{uuid}", None),
            ("GET", f"/customers/{uuid}/orders", None),
            ("GET", f"/catalogue/{STATES[at % 3]}/ABC-{at:04}", None),
            ("GET", "/report", None),
        ]:
            response = client.request(method, target, json=body, headers=headers)
            response.raise_for_status()
