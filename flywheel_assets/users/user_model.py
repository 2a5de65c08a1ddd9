"""The user model: what it predicts, its files, and the flywheel's models in the order of training."""

from flywheel_assets.registry.spec import ModelFiles, ModelSpec
from flywheel_assets.sessions.session_model import SESSION_MODEL

USER_ORDER = ("Passive", "Exploring", "Engaged", "Highly Engaged")
"""Labels, worst to best, where neither a team nor a model in use has others."""

USER_MODEL = ModelSpec(
    "user",
    ModelFiles(
        "user_flywheel_model.keras", "minmax_scaler_users.pkl", "label_encoder_users.pkl", "user_flywheel_model.onnx"
    ),
    label="user_flywheel_label",
    rows="users",
    holdout="holdout_users.parquet",
    description="gives each user a flywheel label from the shares of their session labels in an interval",
    shares_of=SESSION_MODEL.name,
)

MODELS = (SESSION_MODEL, USER_MODEL)
