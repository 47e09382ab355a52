#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes JSON schemas for kubeconform from the OpenAPI of a running API server (own kinds that
come from CRDs included), so that manifests can be checked without any download.

  kubeconform-schemas.py KUBECTL FOLDER
  kubeconform -strict -schema-location 'FOLDER/{{.ResourceKind}}{{.KindSuffix}}.json' FILES
"""

import json
import os
import subprocess
import sys

kubectl, folder = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
raw = lambda path: json.loads(subprocess.check_output([kubectl, "get", "--raw", path]))


def fix(node):
    """OpenAPI to JSON schema; an object with known fields allows no others."""
    if isinstance(node, list):
        return [fix(n) for n in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return {"$ref": "#/definitions/" + node["$ref"].split("/")[-1]}
    out = {}
    for key, value in node.items():
        if key == "properties":  # names chosen by the kind, not words of the schema language
            out[key] = {name: fix(field) for name, field in value.items()}
        elif key in ("items", "additionalProperties", "allOf", "anyOf", "oneOf", "not"):
            out[key] = fix(value)
        else:
            out[key] = value
    if out.get("format") == "int-or-string" or out.get("x-kubernetes-int-or-string"):
        out.pop("type", None)
        out["oneOf"] = [{"type": "string"}, {"type": "integer"}]
    if "properties" in out and "additionalProperties" not in out:
        if not out.get("x-kubernetes-preserve-unknown-fields"):
            out["additionalProperties"] = False
    return out


count = 0
for group in sorted(raw("/openapi/v3")["paths"]):
    if not group.startswith(("api/", "apis/")):
        continue
    schemas = raw("/openapi/v3/" + group).get("components", {}).get("schemas", {})
    definitions = {}
    for name, schema in schemas.items():
        definitions[name] = fix(schema)
        if name.endswith(("IntOrString", "Quantity")):
            definitions[name] = {"oneOf": [{"type": "string"}, {"type": "number"}]}
    for name, schema in schemas.items():
        for kind in schema.get("x-kubernetes-group-version-kind", []):
            if "/".join(filter(None, (kind["group"], kind["version"]))) != group.split("/", 1)[1]:
                continue
            if "metadata" not in schema.get("properties", {}):
                continue
            suffix = "-".join(filter(None, (kind["group"].split(".")[0], kind["version"])))
            path = os.path.join(folder, f"{kind['kind'].lower()}-{suffix}.json")
            with open(path, "w") as f:
                json.dump({"$schema": "http://json-schema.org/draft-07/schema#",
                           "definitions": definitions,
                           "allOf": [{"$ref": "#/definitions/" + name}]}, f)
            count += 1
print(f"{count} schemas in {folder}", file=sys.stderr)
