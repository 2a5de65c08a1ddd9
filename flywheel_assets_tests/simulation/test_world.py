import numpy as np

from flywheel_assets.simulation.world import WORLD


def test_moves_mixes_and_devices_are_distributions() -> None:
    assert np.allclose(WORLD.transitions.sum(axis=1), 1)
    assert np.allclose(WORLD.mixes.sum(axis=1), 1)
    assert np.isclose(sum(share for _, share in WORLD.devices), 1)


def test_the_stationary_distribution_is_left_as_it_is_by_a_move() -> None:
    stationary = WORLD.stationary()
    assert np.allclose(stationary @ WORLD.transitions, stationary)
    assert np.isclose(stationary.sum(), 1)
    assert (stationary > 0.05).all()


def test_session_shares_weigh_each_state_by_its_sessions() -> None:
    by_hand = [
        sum(
            share * state.sessions * state.mix[quality]
            for share, state in zip(WORLD.stationary(), WORLD.states, strict=True)
        )
        for quality in range(4)
    ]
    assert np.allclose(WORLD.session_shares(), np.array(by_hand) / sum(by_hand))
