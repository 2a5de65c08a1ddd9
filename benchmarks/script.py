"""The script that Flywheel replaces, as a data scientist would write it: pandas, joblib, Keras, one interval at a time.

    python benchmarks/script.py LANDING_FOLDER OUTPUT_FOLDER FIRST_DAY BATCH_SIZE

BATCH_SIZE is that of `keras.predict`: 32 is its default, 8192 is tuned.
"""

import os
import sys
from datetime import date, timedelta
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import joblib
import keras
import pandas as pd

MODELS = Path(__file__).parents[1] / "models"


def predicted(frame: pd.DataFrame, model: str, kind: str, batch_size: int) -> tuple[pd.Series, pd.DataFrame]:
    """Labels and probabilities of every row."""
    scaler = joblib.load(MODELS / f"minmax_scaler_{kind}.pkl")
    encoder = joblib.load(MODELS / f"label_encoder_{kind}.pkl")
    network = keras.models.load_model(MODELS / model)
    scaled = scaler.transform(frame[scaler.feature_names_in_])
    probabilities = network.predict(scaled, batch_size=batch_size, verbose=0)
    names = ["probability_" + label.lower().replace(" ", "_") for label in encoder.classes_]
    labels = pd.Series(encoder.inverse_transform(probabilities.argmax(axis=1)), index=frame.index)
    return labels, pd.DataFrame(probabilities, columns=names, index=frame.index)


def main(landing: Path, output: Path, first_day: date, batch_size: int) -> None:
    sessions = pd.concat([pd.read_parquet(path) for path in sorted(landing.glob("*.parquet"))], ignore_index=True)
    sessions["timestamp_unix"] = sessions["session_id"].str.extract(r"(\d+)\D*$", expand=False).astype("int64")
    sessions["timestamp_utc"] = pd.to_datetime(sessions["timestamp_unix"], unit="s", utc=True)
    start = pd.Timestamp(first_day, tz="UTC")
    in_interval = (sessions["timestamp_utc"] >= start) & (sessions["timestamp_utc"] < start + timedelta(days=14))
    sessions = sessions[in_interval].drop_duplicates("session_id", keep="last")

    features = joblib.load(MODELS / "minmax_scaler_sessions.pkl").feature_names_in_
    sessions = sessions.dropna(subset=["session_id", "user_id", *features])
    limits = sessions[features].quantile(0.999)
    limits = limits[limits > sessions[features].min()]
    sessions = sessions[(sessions[limits.index] <= limits).all(axis=1)]

    labels, probabilities = predicted(sessions, "session_quality_model.keras", "sessions", batch_size)
    sessions["session_quality_label"] = labels
    mix = pd.crosstab(sessions["user_id"], sessions["session_quality_label"], normalize="index")
    mix.columns = ["share_" + label.lower().replace(" ", "_") for label in mix.columns]
    user_labels, user_probabilities = predicted(mix, "user_flywheel_model.keras", "users", batch_size)
    users = user_probabilities.assign(user_flywheel_label=user_labels)

    export = pd.concat([sessions, probabilities], axis=1).merge(users, left_on="user_id", right_index=True)
    export["timestamp_mst"] = export["timestamp_utc"].dt.tz_convert("America/Phoenix").dt.tz_localize(None)
    export["Interval_Dates"] = f"{first_day} - {first_day + timedelta(days=13)}"
    output.mkdir(parents=True, exist_ok=True)
    export.to_parquet(output / "sessions.parquet", index=False)
    users.to_parquet(output / "users.parquet")
    users["user_flywheel_label"].value_counts().to_csv(output / "transitions_from_absent.csv")
    print(f"{len(export):,} sessions, {len(users):,} users")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), date.fromisoformat(sys.argv[3]), int(sys.argv[4]))
