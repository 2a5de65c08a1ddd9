"""Who goes into which arm: the same users always into the same, and each arm its share of every stratum.

A user's place is the hash of the experiment's name and the user's id. How many of a stratum each arm takes is a
controlled rounding of stratum size x share (Cox 1987, "A Constructive Procedure for Unbiased Controlled Rounding"):
within one user of it in each stratum and over all of them, and on average exactly it."""

import hashlib
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Cell = tuple[int, int]


def allocated(
    experiment: str, users: Sequence[str], strata: npt.NDArray[np.int64], shares: Sequence[Fraction]
) -> npt.NDArray[np.int64]:
    """The arm of each user, as a position in ``shares``, which sum to 1. ``users`` are different ids in any order,
    ``strata`` a whole number from 0 per user. Another order of the same users gives each the same arm."""
    places = _places(experiment, users)
    order = np.lexsort((places[:, 1], places[:, 0], strata))
    sizes = np.bincount(strata) if len(strata) else np.zeros(0, np.int64)
    counts = rounded(experiment, [[int(size) * share for share in shares] for size in sizes])
    arms = np.empty(len(users), np.int64)
    arms[order] = np.repeat(np.tile(np.arange(len(shares)), len(sizes)), np.array(counts, np.int64).reshape(-1))
    return arms


def rounded(seed: str, table: Sequence[Sequence[Fraction]]) -> list[list[int]]:
    """A table of whole numbers, each less than 1 from that of ``table``, with the same sum of each row, which must be
    whole, and a sum of each column less than 1 from its own. Which ones are rounded up depends on ``seed``."""
    columns = range(len(table[0]) if table else 0)
    # One more row makes the sum of each column whole, so that whatever is left to round lies on a closed path.
    slack = [-sum((row[column] for row in table), Fraction(0)) for column in columns]
    cells = {(r, c): value for r, row in enumerate([*table, slack]) for c, value in enumerate(row)}
    whole = {cell: value.__floor__() for cell, value in cells.items()}
    left = {cell: value - whole[cell] for cell, value in cells.items() if value != whole[cell]}
    step = 0
    while left:
        path = _closed_path(list(left))
        up, down = path[::2], path[1::2]
        raised = min(*(1 - left[cell] for cell in up), *(left[cell] for cell in down))
        lowered = min(*(left[cell] for cell in up), *(1 - left[cell] for cell in down))
        change = raised if _chance(seed, step) * (raised + lowered) < lowered else -lowered
        for cells_of, by in ((up, change), (down, -change)):
            for cell in cells_of:
                left[cell] += by
                if left[cell] in (0, 1):
                    whole[cell] += int(left.pop(cell))
        step += 1
    return [[whole[r, c] for c in columns] for r in range(len(table))]


def _closed_path(cells: Sequence[Cell]) -> list[Cell]:
    """Cells that follow each other in a row and in a column by turns, and the last leads back to the first. Every row
    and column that has one of ``cells`` has two."""
    path: list[Cell] = []
    lines = [(0, cells[0][0])]  # rows are lines along axis 0, columns along axis 1
    while True:
        axis, number = lines[-1]
        cell = next(cell for cell in cells if cell[axis] == number and cell not in path[-1:])
        path.append(cell)
        line = (1 - axis, cell[1 - axis])
        if line in lines:
            return path[lines.index(line) :]
        lines.append(line)


def _chance(seed: str, step: int) -> Fraction:
    """From 0 to 1, the same for the same seed and step."""
    return Fraction(int.from_bytes(hashlib.sha256(f"{seed}\0{step}".encode()).digest()[:8]), 2**64)


def _places(experiment: str, users: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Two numbers per user, [n, 2]: the first 128 bits of a SHA-256, which no two ids share."""
    begun = hashlib.sha256(f"{experiment}\0".encode())
    digests = bytearray()
    for user in users:
        of_user = begun.copy()
        of_user.update(user.encode())
        digests += of_user.digest()[:16]
    return np.frombuffer(bytes(digests), ">u8").reshape(-1, 2).astype(np.uint64)
