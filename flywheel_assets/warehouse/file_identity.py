"""What tells a landed file from others, and which files changed since a table was made from them, in words."""

from collections.abc import Collection, Mapping

FileIdentity = tuple[str, int, int]
"""Path, size, and when the file got its content, in nanoseconds."""


def news(
    landed: Collection[FileIdentity], usable: Mapping[str, FileIdentity], made_from: Collection[FileIdentity]
) -> str:
    """What landed for an interval since its table was made from ``made_from``, in words; empty when nothing did.

    ``landed``: the files that hold sessions of the interval now; ``usable``: all files that can be used, by path. A
    file that vanished or can no longer be used is not news; one that was replaced is, even when no session of the
    interval is left."""
    paths = {path for path, *_ in made_from}
    new = sorted(path for path, *_ in landed if path not in paths)
    replaced = sorted(i[0] for i in made_from if usable.get(i[0], i) != i)
    parts = [f"{named(new)} landed"] if new else []
    parts += [f"{named(replaced)} changed"] if replaced else []
    return " and ".join(parts)


def named(paths: list[str]) -> str:
    """The first of some paths and how many more there are."""
    rest = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{paths[0]}{rest}"
