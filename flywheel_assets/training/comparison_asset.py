"""The asset model_comparison, of the group `training`: a candidate against the champion."""

import io
import json

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from flywheel_assets.flywheel import Flywheel
from flywheel_assets.orchestration.metadata import column_schema, records
from flywheel_assets.registry.comparison import objections
from flywheel_assets.registry.shelves import candidate
from flywheel_assets.tables.contract import Column
from flywheel_assets.training.candidate_comparison import compare_bundles
from flywheel_assets.warehouse.files import write_whole

COLUMNS = (
    Column("Level", "string", "sessions or users."),
    Column("Interval_Start", "string", "The interval's first day."),
    Column("Latest", "bool", "Whether it is the latest closed interval; else it is one of the holdout."),
    Column("Champion_Label", "string", "The label by the champion."),
    Column("Candidate_Label", "string", "The label by the candidate."),
    Column("Count", "int64", "Sessions or users with these two labels."),
)
"""Of model_comparison.parquet, a row a pair of labels of an interval."""

_SCHEMA = pa.schema(
    [(c.name, {"string": pa.string(), "bool": pa.bool_(), "int64": pa.int64()}[c.dtype]) for c in COLUMNS]
)


class ComparisonConfig(dg.Config):
    """``version``: the candidate's; empty means the newest."""

    version: str = ""


@dg.asset(
    group_name="training",
    kinds={"parquet", "onnx"},
    deps=["trained_candidate"],
    metadata={"grain": "one row a pair of labels", "dagster/column_schema": column_schema(COLUMNS)},
    description="A candidate against the champion, on the candidate's holdout and on the latest closed interval: "
    "figures with 95 % intervals over users, labels that would flip, and what speaks against a promotion.",
)
def model_comparison(
    context: dg.AssetExecutionContext, config: ComparisonConfig, flywheel: dg.ResourceParam[Flywheel]
) -> dg.MaterializeResult[None]:
    found = compare_bundles(flywheel, candidate(flywheel.settings.models_dir, config.version), flywheel.models)
    against = objections(found, flywheel.settings.max_flips)
    folder = flywheel.warehouse.folder / "training"
    folder.mkdir(exist_ok=True)
    value = {**found.to_json(), "objections": against}
    write_whole(folder / "model_comparison.json", json.dumps(value, indent=1).encode())
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(found.lines()), schema=_SCHEMA), content)
    write_whole(folder / "model_comparison.parquet", content.getvalue())
    figures = [
        {
            "of": one.level,
            "figure": metric.name,
            "candidate": metric.candidate.value,
            "champion": metric.champion.value if metric.champion else "-",
            "difference": metric.difference.value if metric.difference else "-",
        }
        for one in found.holdout
        for metric in one.metrics
    ]
    shares = {f"share_of_{one.level}_flipping": one.share for one in found.flips if one.latest}
    return dg.MaterializeResult(
        metadata={
            "candidate": found.candidate,
            "champion": found.champion,
            "objections": len(against),
            **shares,
            "path": dg.MetadataValue.path(str(folder)),
            **({"remarks": " ".join(found.remarks)} if found.remarks else {}),
            "against_a_promotion": dg.MetadataValue.md("\n".join(f"- {one}" for one in against) or "nothing"),
            **records("figures", figures),
        }
    )
