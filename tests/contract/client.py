"""A client that openapi-python-client made of a document calls each of its operations.

Usage: client.py DOCUMENT PACKAGE BASE_URL. The package lies in the present folder. Of each answer it is asked that its status and type are
in the document, and that the typed value is all of the answer: nothing that the document does not describe, and nothing else than it says."""

import importlib
import inspect
import json
import sys

document, package, url = json.load(open(sys.argv[1])), sys.argv[2], sys.argv[3]
sys.path.insert(0, ".")
client = importlib.import_module(package).AuthenticatedClient(base_url=url, token="bm90IGEgc2VjcmV0", raise_on_unexpected_status=True)
ORDER = {"customer": 1001, "lines": [{"sku": "ABC-0001", "count": 2}], "note": "Leave it at door 1, please"}


def value(parameter):
    """A value that the server takes: what has neither words nor a format is an article's number. Of a word in a path that was learnt to be a
    value no document is made that has the words."""
    if parameter["in"] == "path" and parameter["name"] == "name":
        return "new"
    schema = parameter["schema"]
    if "enum" in schema:
        return schema["enum"][0]
    return {"integer": 7, "uuid": "00000000-0000-4000-8000-000000000007"}.get(schema.get("format", schema["type"]), "ABC-0001")


def plain(typed):
    if isinstance(typed, list):
        return [plain(one) for one in typed]
    if getattr(typed, "additional_properties", None) and type(typed).__annotations__.keys() != {"additional_properties"}:
        raise SystemExit(f"not described: {typed.additional_properties}")
    return typed.to_dict() if hasattr(typed, "to_dict") else typed


def call(operation):
    name = operation["operationId"]
    module = importlib.import_module(f"{package}.api.{operation['tags'][0]}.{name}")
    hints = inspect.get_annotations(module.sync_detailed, eval_str=True)
    arguments = {}
    for parameter in operation.get("parameters", []):
        given = value(parameter)
        kind = hints[parameter["name"]]
        kinds = [one for one in getattr(kind, "__args__", [kind]) if hasattr(one, "__members__")]
        arguments[parameter["name"]] = kinds[0](given) if kinds else given
    if "body" in hints:
        kinds = [one for one in getattr(hints["body"], "__args__", [hints["body"]]) if hasattr(one, "from_dict")]
        arguments["body"] = kinds[0].from_dict(ORDER)
    answer = module.sync_detailed(client=client, **arguments)
    status = str(int(answer.status_code))
    if status not in operation["responses"] or not status.startswith("2"):
        raise SystemExit(f"{name}: {status} {answer.content!r}")
    if "content" in operation["responses"][status] and plain(answer.parsed) != json.loads(answer.content):
        raise SystemExit(f"{name}: {answer.parsed} is not {answer.content!r}")
    print(name, status)


for path, item in document["paths"].items():
    for method, operation in item.items():
        call(operation)
