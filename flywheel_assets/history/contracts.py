"""The contracts of what is told of a history of labels: growth, mixes, shifts, forecasts, links. Small tables, a row a
label or a pair of labels and interval, named as a BI tool shows them. As `tables`, which holds the spine."""

from collections.abc import Mapping

from flywheel_assets.tables.contract import INTERVAL, INTERVAL_DATES, Column, Table

LABEL = Column(
    "Label", "string", "A label of the model, users or none; or one that only an earlier model gave, with users."
)
LABEL_ORDER = Column(
    "Label_Order", "int32", "The label's place from worst to best, from 1; then those of earlier models."
)
FIRST_DAY = Column("First_Day", "date", "The interval's first day.")
WHEN = (FIRST_DAY, INTERVAL, INTERVAL_DATES)
SCOPE = Column("Scope", "string", "All users, in one row, or Label: the users of one label.")

HISTORY: Mapping[str, Table] = {
    table.name: table
    for table in (
        Table(
            "growth_accounting",
            "label, and all users",
            "New, retained, resurrected and churned users of the interval: all of them, and by label.",
            ("user_labels",),
            (
                SCOPE,
                Column("Label", "string", "The label; null in the row of all users."),
                Column("Label_Order", "int32", "The label's place from worst to best, from 1; null for all users."),
                Column("Active_Users", "int64", "Users with this label in this interval: new, retained, resurrected."),
                Column("New_Users", "int64", "Of them those seen in no earlier interval since the first with data."),
                Column("Retained_Users", "int64", "Of them those with a label in the previous interval too."),
                Column("Resurrected_Users", "int64", "Of them those seen earlier and absent in the previous interval."),
                Column("Previous_Users", "int64", "Users with this label in the previous interval."),
                Column("Previous_Retained_Users", "int64", "Of those the ones that have a label now, whichever."),
                Column("Churned_Users", "int64", "Of those the ones that have none now."),
                Column("Retention", "float64", "Previous_Retained_Users / Previous_Users; null without any."),
                Column(
                    "Quick_Ratio", "float64", "(New_Users + Resurrected_Users) / Churned_Users; null without churn."
                ),
                *WHEN,
            ),
            previous=("user_labels",),
            earlier=("user_labels",),
        ),
        Table(
            "label_mix",
            "level and label",
            "Count and share of each label, of sessions and of users: the rows of a chart over time.",
            ("session_predictions", "user_labels"),
            (
                Column("Level", "string", "sessions or users."),
                LABEL,
                LABEL_ORDER,
                Column("Count", "int64", "Sessions or users with this label, 0 for none."),
                Column("Share", "float64", "Of all sessions or users of the interval; null without any."),
                *WHEN,
            ),
        ),
        Table(
            "mix_shift",
            "user label",
            "The change of each user label's share since the previous interval, split into who caused it.",
            ("label_transitions",),
            (
                LABEL,
                LABEL_ORDER,
                Column("Previous_Share", "float64", "Share of the previous interval's users; null without any."),
                Column("Share", "float64", "Share of this interval's users; null without any."),
                Column(
                    "Change", "float64", "Share - Previous_Share, the sum of the three parts; null where either is."
                ),
                Column(
                    "Stayers", "float64", "The part of users of both intervals who changed label; null where Change is."
                ),
                Column(
                    "Entrants", "float64", "The part of users who were not there in the previous interval; as Stayers."
                ),
                Column("Leavers", "float64", "The part of users who are no longer there; as Stayers."),
                *WHEN,
            ),
        ),
        Table(
            "transition_forecast",
            "user label, and Absent",
            "How many users each label will have in the next interval, from the transitions so far.",
            ("label_transitions",),
            (
                Column("Label", "string", "The label; Absent for the users of this interval who will have none."),
                Column("Label_Order", "int32", "The label's place from worst to best, from 1; 0 for Absent."),
                Column(
                    "User_Count", "int64", "Users with it now (Absent: who left), which is the forecast of no change."
                ),
                Column(
                    "Forecast_Users",
                    "float64",
                    "Expected users with it in the next interval; null before any transition.",
                ),
                Column("Lower_Users", "float64", "Lower end of the forecast's 90 % interval; null as it is."),
                Column("Upper_Users", "float64", "Upper end of the forecast's 90 % interval; null as it is."),
                Column("Forecast_Interval", "int32", "The number of the interval that is forecast."),
                *WHEN,
            ),
            earlier=("label_transitions",),
        ),
        Table(
            "sankey_links",
            "link",
            "label_transitions as links of a Sankey chart; nodes carry their interval, so that no cycle can arise.",
            ("label_transitions",),
            (
                Column("source", "string", "Node the users come from, as in I11 Passive; I11 Other of folded links."),
                Column("target", "string", "Node the users go to, as in I12 Engaged; I12 Other of folded links."),
                Column("User_Count", "int64", "Users on this link."),
                Column("share", "float64", "Of the source's users, those of folded links included; 1 of I11 Other."),
                Column(
                    "order",
                    "int32",
                    "From 1: by source, then by target, worst to best, then Absent, then Other.",
                ),
                *WHEN,
            ),
        ),
        Table(
            "transition_causes",
            "triple of labels",
            "label_transitions with a step in between: what the models of the previous interval say of this one. Tells "
            "what users did from what a change of model did.",
            ("trimmed_sessions", "user_labels"),
            (
                Column("From_Label", "string", "Label in the previous interval; Absent for a user who had none."),
                Column(
                    "Same_Model_Label",
                    "string",
                    "Label in this interval by the models that labelled the previous one; Absent as To_Label is.",
                ),
                Column("To_Label", "string", "Label in this interval; Absent for a user who has none."),
                Column("User_Count", "int64", "Users with these three labels, at least 1."),
                Column(
                    "Cause",
                    "string",
                    "behaviour where the first two labels differ, model where the last two do, both, or none.",
                ),
                *WHEN,
            ),
            previous=("user_labels",),
        ),
    )
}
