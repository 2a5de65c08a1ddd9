"""How often the readout of an experiment says "different" where arms do not differ, and where they do.

    python -m benchmarks.experiments --experiments 1000

Each simulated experiment is looked at every interval, and counts if it ever says so. Users differ in how likely they
convert, which a score knows in part. Prints how many of the experiments said "different", without a lift of the second
arm and with one."""

import click
import numpy as np

from flywheel_assets.cli.console import table, terminal
from flywheel_assets.intent.sequential import looked_at

DESIGNS = (
    ("two arms, 5 intervals", 1000, (0.5, 0.5), 5, 0.05),
    ("two arms, 13 intervals", 1000, (0.5, 0.5), 13, 0.05),
    ("9 users of 10 in the control", 3000, (0.9, 0.1), 3, 0.02),
    ("four arms, 3 intervals", 4000, (0.25,) * 4, 3, 0.05),
    ("one interval", 800, (0.5, 0.5), 1, 0.2),
)
"""Name, users, shares, intervals, and the share of users who convert per interval."""

COLUMNS = ("experiment", "users", "different, no lift", "different, lift")


def says_different(
    seed: int, users: int, shares: tuple[float, ...], looks: int, rate: float, lift: float = 0.0
) -> bool:
    """Whether a simulated experiment ever says "different". ``lift`` is of the second arm, as a part of the rate."""
    random = np.random.default_rng(seed)
    arms = random.choice(len(shares), users, p=shares)
    likely = random.beta(2, 2 / rate - 2, users)
    converts = random.random((users, looks)) < (likely * np.where(arms == 1, 1 + lift, 1))[:, None]
    converted = np.maximum.accumulate(converts, axis=1)
    score = likely + random.normal(0, rate / 2, users)
    return any(look is not None for look in looked_at(converted, arms, score[:, None], len(shares), looks).since)


@click.command()
@click.option("--experiments", type=click.IntRange(1), default=1000, show_default=True, help="Per design.")
@click.option("--lift", type=click.FloatRange(0), default=0.4, show_default=True)
def main(experiments: int, lift: float) -> None:
    """How often a readout is wrong, and how often it finds a lift."""
    lines = []
    for name, *design in DESIGNS:
        counts = [sum(says_different(i, *design, lift=effect) for i in range(experiments)) for effect in (0.0, lift)]
        lines.append((name, design[0], *counts))
    terminal().print(table(COLUMNS, lines, f"Of {experiments:,} simulated experiments, with a lift of {lift:.0%}"))


if __name__ == "__main__":
    main()
