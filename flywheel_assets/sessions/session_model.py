"""The session model: what it predicts, and its files."""

from flywheel_assets.registry.spec import ModelFiles, ModelSpec

SESSION_ORDER = ("Very Low Quality", "Low Quality", "Medium Quality", "High Quality")
"""Labels, worst to best, where neither a team nor a model in use has others."""

SESSION_MODEL = ModelSpec(
    "session",
    ModelFiles(
        "session_quality_model.keras",
        "minmax_scaler_sessions.pkl",
        "label_encoder_sessions.pkl",
        "session_quality_model.onnx",
    ),
    label="session_quality_label",
    rows="sessions",
    holdout="holdout_sessions.parquet",
    description="gives each session a quality label from its counts",
)
