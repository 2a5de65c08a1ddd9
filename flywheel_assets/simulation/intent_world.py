"""The intent behind the sample's events: how much a user means to buy, and what shows of it. Parameters only.

The intent of a user is the mean of the user's state plus a deviation that goes on from one interval to the next, with
correlation ``memory``. It gives the rates of what the user does in the interval, and the chance to purchase in the next
one; after a purchase the deviation falls to ``after_purchase``. Rates per interval are exp(base + slope * intent),
chances logistic(base + slope * intent).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from flywheel_assets.simulation.world import FloatArray


class Response(NamedTuple):
    """What an intent of 0 gives, as logarithm or logit, and how that rises with intent."""

    base: float
    slope: float

    def rate(self, intents: FloatArray) -> FloatArray:
        return np.asarray(np.exp(self.base + self.slope * intents), dtype=float)

    def chance(self, intents: FloatArray) -> FloatArray:
        return np.asarray(1 / (1 + np.exp(-(self.base + self.slope * intents))), dtype=float)


@dataclass(frozen=True)
class IntentWorld:
    """``by_state`` stands worst state to best. ``pricing_visits`` and ``email_opens`` are rates; ``email_clicks`` is
    the chance per open, the others are chances per interval. A user signs up once; ``signed_up`` of all have at first.
    """

    by_state: tuple[float, ...]
    memory: float
    after_purchase: float
    pricing_visits: Response
    demo_request: Response
    signup: Response
    booking: Response
    email_opens: Response
    email_clicks: Response
    purchase: Response
    signed_up: float
    countries: tuple[tuple[str, float], ...]


INTENT = IntentWorld(
    by_state=(-0.4, 0.0, 0.3, 0.6),
    memory=0.85,
    after_purchase=-0.5,
    pricing_visits=Response(-0.3, 1.3),
    demo_request=Response(-2.8, 1.6),
    signup=Response(-2.6, 0.9),
    booking=Response(-3.4, 1.8),
    email_opens=Response(-0.5, 0.35),
    email_clicks=Response(-1.6, 0.7),
    purchase=Response(-4.9, 2.6),
    signed_up=0.4,
    countries=(("US", 0.42), ("DE", 0.21), ("GB", 0.15), ("FR", 0.12), ("BR", 0.10)),
)
"""The world of `flywheel sample --events`: some 4 % of users purchase in an interval."""
