"""Random draws of intents and of what they show, interval by interval, as arrays. No tables: those are `events`'."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flywheel_assets.simulation.intent_world import IntentWorld
from flywheel_assets.simulation.world import FloatArray, IntArray


@dataclass(frozen=True)
class Signals:
    """One interval, a value per user: ``intents`` at its end and the ``chances`` to purchase in the next one that they
    give; how often each event happened (``counts``); what of the intent is not the state's (``deviations``), and who
    has signed up by then."""

    intents: FloatArray
    chances: FloatArray
    counts: Mapping[str, IntArray]
    deviations: FloatArray
    signed_up: npt.NDArray[np.bool_]


def signals(world: IntentWorld, states: IntArray, before: Signals | None, rng: np.random.Generator) -> Signals:
    """The signals of an interval whose users are in these states. ``before``: those of the previous interval, None in
    the first, in which nobody purchases."""
    users = len(states)
    noise = rng.normal(size=users)
    deviations = world.memory * before.deviations + np.sqrt(1 - world.memory**2) * noise if before else noise
    signed_up = before.signed_up if before else rng.random(users) < world.signed_up
    purchases = rng.random(users) < (before.chances if before else 0.0)
    means = np.array(world.by_state)[states]
    intents = means + deviations
    signups = ~signed_up & (rng.random(users) < world.signup.chance(intents))
    signed_up = signed_up | signups
    opens = np.where(signed_up, rng.poisson(world.email_opens.rate(intents)), 0)
    counts = {
        "pricing_visit": rng.poisson(world.pricing_visits.rate(intents)),
        "demo_request": rng.random(users) < world.demo_request.chance(intents),
        "signup": signups,
        "booking": rng.random(users) < world.booking.chance(intents),
        "email_open": opens,
        "email_click": rng.binomial(opens, world.email_clicks.chance(intents)),
        "purchase": purchases,
    }
    deviations = np.where(purchases, world.after_purchase, deviations)
    intents = means + deviations
    return Signals(
        intents,
        world.purchase.chance(intents),
        {name: np.asarray(count, dtype=np.int64) for name, count in counts.items()},
        deviations,
        signed_up,
    )
