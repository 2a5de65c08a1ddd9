"""Reads the form that ``manifest.json`` had before bundles took any number of models: always a session model and a user
model, with one baseline and one list of files for both."""

from collections.abc import Mapping
from typing import Any

_FACTS: Mapping[str, Mapping[str, Any]] = {
    "session": {
        "files": {
            "network": "session_quality_model.keras",
            "scaler": "minmax_scaler_sessions.pkl",
            "encoder": "label_encoder_sessions.pkl",
            "compiled": "session_quality_model.onnx",
        },
        "label": "session_quality_label",
        "rows": "sessions",
        "holdout": "holdout_sessions.parquet",
        "description": "gives each session a quality label from its counts",
        "shares_of": None,
    },
    "user": {
        "files": {
            "network": "user_flywheel_model.keras",
            "scaler": "minmax_scaler_users.pkl",
            "encoder": "label_encoder_users.pkl",
            "compiled": "user_flywheel_model.onnx",
        },
        "label": "user_flywheel_label",
        "rows": "users",
        "holdout": "holdout_users.parquet",
        "description": "gives each user a flywheel label from the shares of their session labels in an interval",
        "shares_of": "session",
    },
}


def in_present_form(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The same facts in the present form. Raises KeyError or TypeError for anything else."""
    baseline = manifest["baseline"]
    models = {
        name: {
            **manifest[name],
            "spec": {"name": name, **spec},
            "files": {file: manifest["files"][file] for role, file in spec["files"].items() if role != "compiled"},
            "baseline": None
            if baseline is None
            else {"labels": baseline[f"{name}_labels"], "features": baseline["features"] if name == "session" else {}},
        }
        for name, spec in _FACTS.items()
    }
    return {**manifest, "models": models}
