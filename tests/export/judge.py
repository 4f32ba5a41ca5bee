"""Judges what apiscope learnt and exported: jsonschema_rs for bodies, openapi-spec-validator and the official schemas for documents.

Reads one JSON object from stdin, writes one to stdout.
"""

import json
import pathlib
import sys

import jsonschema_rs
import openapi_spec_validator
import yaml


def bodies(case):
    judge = jsonschema_rs.Draft202012Validator(case["schema"], validate_formats=True)
    refused = [body for body in case["valid"] if not judge.is_valid(body)]
    told = [judge.is_valid(body) for body in case["mutated"]]
    return {
        "refused": [[body, [str(error) for error in judge.iter_errors(body)][:2]] for body in refused[:3]],
        "refusals": len(refused),
        "passed": [case["mutations"][at] for at, passed in enumerate(told) if passed],
    }


def official(version):
    folder = pathlib.Path(openapi_spec_validator.__file__).parent / "resources" / "schemas"
    return json.loads((folder / f"v{version}" / "schema.json").read_text())


def document(one):
    value, errors = one["json"], []
    validator = (
        openapi_spec_validator.OpenAPIV30SpecValidator
        if value["openapi"].startswith("3.0")
        else openapi_spec_validator.OpenAPIV31SpecValidator
    )
    errors += [f"openapi-spec-validator: {error.message} at {list(error.path)}" for error in validator(value).iter_errors()]
    if value["openapi"].startswith("3.0"):
        judge = jsonschema_rs.Draft4Validator(official("3.0"))
    else:
        judge = jsonschema_rs.Draft202012Validator(official("3.1"))
    errors += [f"official schema: {error}" for error in judge.iter_errors(value)]
    # Each schema is one by itself, in the dialect of 3.1.
    if value["openapi"].startswith("3.1"):
        for name, schema in value.get("components", {}).get("schemas", {}).items():
            try:
                jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
            except jsonschema_rs.ValidationError as error:
                errors.append(f"schema {name}: {error}")
    if one.get("yaml") is not None and yaml.safe_load(one["yaml"]) != value:
        errors.append("YAML and JSON differ")
    return errors


asked = json.load(sys.stdin)
answer = {"bodies": [bodies(case) for case in asked.get("bodies", [])], "documents": [document(one) for one in asked.get("documents", [])]}
json.dump(answer, sys.stdout)
