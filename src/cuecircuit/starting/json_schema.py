"""The JSON schema of the study file, which editors check and complete it by."""

from typing import Any

from cuecircuit.study.schema import Study


def study_json_schema() -> dict[str, Any]:
    """Return the JSON schema of the study file (draft 2020-12): every key with its meaning, default and source."""
    schema = Study.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Study file of cuecircuit"}
