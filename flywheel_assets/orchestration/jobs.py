"""The names of jobs, for code that starts them. Each job's system says what it makes."""

RUN_JOB = "run"
INTERVAL_JOB, LABELS_JOB, TRANSITIONS_JOB = "interval", "labels", "transitions"
SEGMENTS_JOB, CLUSTERS_JOB = "segments", "clusters"
HISTORY_JOB, REPORTS_JOB = "history", "reports"
TRAINING_JOB = "training"
INTENT_JOB = "intent"
CONVERSION_JOB, CONVERSION_TRAINING_JOB = "conversion", "conversion_training"
SCORES_JOB, ENGAGEMENT_TRAINING_JOB = "engagement_scores", "engagement_training"

SPINE_JOBS = (INTERVAL_JOB, LABELS_JOB, TRANSITIONS_JOB)
"""Those whose failure leaves an interval without its labels or transitions."""

SYSTEM_TAG = ".dagster/flywheel_system"
"""On every run of a job of ours, with the name of the job's system. The UI shows no tags that begin so."""
