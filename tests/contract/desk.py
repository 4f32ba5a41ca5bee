"""A mock server made from a document by somebody else's program: connexion answers with the document's examples.

Usage: desk.py DOCUMENT PORT. Says on its standard output which operation answered what."""

import sys

import uvicorn
from connexion import FlaskApp
from connexion.mock import MockResolver
from connexion.security import SECURITY_HANDLERS, BearerSecurityHandler
from flask import request


class Anyone(BearerSecurityHandler):
    """Takes every token, where the document asks for one."""

    def _resolve_func(self, security_scheme):
        return lambda token: {"sub": token}


app = FlaskApp("desk")
handlers = {**SECURITY_HANDLERS, "bearer": Anyone}
app.add_api(sys.argv[1], resolver=MockResolver(mock_all=True), validate_responses=False, security_map=handlers)


@app.app.after_request
def log(response):
    if request.url_rule is not None:
        print(request.method, request.url_rule.rule, response.status_code, flush=True)
    return response


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
