"""Where the nodes of the Sankey diagram lie."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.report.folding import fold
from flywheel_assets.report.paths import PADDING, paths

ORDER = ("Passive", "Engaged")
FOLDING = fold("user", ORDER, {})


def test_the_best_label_is_on_top_and_absent_last() -> None:
    found = paths([{("Passive", "Engaged"): 3, ("Absent", "Passive"): 1}], FOLDING)
    assert [(node.column, node.label, node.users) for node in found.nodes] == [
        (0, "Passive", 3),
        (0, "Absent", 1),
        (1, "Engaged", 3),
        (1, "Passive", 1),
    ]
    assert found.links == ((0, 2, 3), (1, 3, 1))


def test_absent_in_between_is_as_high_as_the_larger_of_who_left_and_who_came() -> None:
    left = {("Passive", "Absent"): 2, ("Passive", "Passive"): 5}
    came = {("Absent", "Passive"): 3, ("Passive", "Passive"): 5}
    (absent,) = [node for node in paths([left, came], FOLDING).nodes if node.column == 1 and node.label == "Absent"]
    assert absent.users == 3


def test_folded_labels_are_one_node() -> None:
    folding = fold("user", ("a", "b", "c"), {"c": 9}, most=1)
    found = paths([{("a", "b"): 1, ("b", "c"): 2}], folding)
    assert [(node.column, node.label) for node in found.nodes] == [
        (0, "2 other labels"),
        (1, "c"),
        (1, "2 other labels"),
    ]
    assert sorted(users for _, _, users in found.links) == [1, 2]


Step = st.dictionaries(st.tuples(*[st.sampled_from((*ORDER, "Absent"))] * 2), st.integers(1, 50), min_size=1)


@given(st.lists(Step, min_size=1, max_size=4))
def test_links_keep_every_user_and_nodes_stay_apart_within_the_diagram(steps: list[dict[tuple[str, str], int]]) -> None:
    found = paths(steps, FOLDING)
    assert sum(users for _, _, users in found.links) == sum(sum(step.values()) for step in steps)
    for column in range(len(steps) + 1):
        nodes = [node for node in found.nodes if node.column == column]
        assert all(
            below.middle - below.height / 2 - (above.middle + above.height / 2) > PADDING - 1e-9
            for above, below in pairwise(nodes)
        )
        assert all(n.middle - n.height / 2 >= -1e-9 and n.middle + n.height / 2 <= 1 + 1e-9 for n in nodes)
