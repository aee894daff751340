"""Custom resources in skills/ fit the schemas that their projects publish.

No package of the registry brings these schemas. The weekly workflow fetches them into a folder that
CRDS names; elsewhere the test is skipped, and test_document_blocks.py checks the pod templates.
"""

import os
from pathlib import Path

import pytest
import yaml
from document_blocks import documents_in, in_language

FOLDER = os.environ.get("CRDS", "")
BUILT_IN = ("resource.k8s.io/", "scheduling.k8s.io/", "v3.")  # and a data contract
RESOURCES = [
    pytest.param(document, id=f"{block.name}-{document['kind']}")
    for block in in_language("yaml", "yml")
    for document in documents_in(block)
    if isinstance(document, dict)
    and "kind" in document
    and "." in document["apiVersion"].partition("/")[0]
    and not document["apiVersion"].startswith(BUILT_IN)
]


def closed(schema):
    """Refuse fields that a schema does not name, which a cluster would drop without a word."""
    if isinstance(schema, dict):
        if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
        for value in schema.values():
            closed(value)
    elif isinstance(schema, list):
        for value in schema:
            closed(value)
    return schema


def test_a_field_that_no_schema_names_is_refused():
    free = {"x-kubernetes-preserve-unknown-fields": True, "properties": {"b": {}}}
    schema = closed({"properties": {"a": free}})
    assert schema["additionalProperties"] is False
    assert "additionalProperties" not in free


@pytest.fixture(scope="module")
def schemas():
    if not FOLDER:
        pytest.skip("CRDS names no folder of CustomResourceDefinitions")
    found = {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for file in sorted(Path(FOLDER).glob("*.yaml")):
        for crd in yaml.load_all(file.read_text("utf-8"), Loader=loader):  # noqa: S506
            spec = (crd or {}).get("spec", {})
            for version in spec.get("versions", []):
                schema = closed(version["schema"]["openAPIV3Schema"])
                for field in ("apiVersion", "kind", "metadata"):
                    schema["properties"][field] = {}
                key = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
                found[key] = schema
    return found


@pytest.mark.parametrize("document", RESOURCES)
def test_a_custom_resource_fits_its_definition(schemas, document):
    jsonschema = pytest.importorskip("jsonschema", reason="it comes with check-jsonschema")
    schema = schemas[document["apiVersion"], document["kind"]]
    faults = jsonschema.Draft202012Validator(schema).iter_errors(document)
    assert [f"{list(fault.path)}: {fault.message}" for fault in faults] == []
