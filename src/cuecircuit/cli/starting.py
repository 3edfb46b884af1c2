"""Commands that begin a study from files that are there: init, behavior, schema."""

from cuecircuit.cli.app import app


@app.command()
def schema() -> None:
    """Print the JSON schema of the study file, by which editors check and complete it."""
    import json

    from cuecircuit.starting.json_schema import study_json_schema

    print(json.dumps(study_json_schema(), indent=2, ensure_ascii=False))
