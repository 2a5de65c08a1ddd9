"""Which generation of a table a file is: a digest of what it was made from and how, but not when.

The same landed files, models and settings give the same generation, so making a table again leaves what follows from it
fresh. Stored in the footer of every file and given to Dagster as the data version.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

NOTHING = "nothing"
"""The generation of a source that is rightly missing: the interval before the first with data."""


@dataclass(frozen=True)
class Generation:
    """``sources``: the generation of each table that it was made from (``landing``: the fingerprint of the files).
    ``parameters``: the settings and model versions that its rows depend on. ``code_version``: the version of the rule
    that made it; files of version 1 do not say so, because tables are older than their versions."""

    table: str
    sources: Mapping[str, str]
    parameters: Mapping[str, str]
    code_version: int = 1

    @property
    def digest(self) -> str:
        """16 hexadecimal digits."""
        return digest(self.to_json())

    def to_json(self) -> str:
        value = {"table": self.table, "sources": dict(self.sources), "parameters": dict(self.parameters)}
        return json.dumps(
            value | ({"code_version": self.code_version} if self.code_version > 1 else {}), sort_keys=True
        )

    @classmethod
    def from_json(cls, text: str) -> "Generation":
        value = json.loads(text)
        return cls(value["table"], value["sources"], value["parameters"], value.get("code_version", 1))

    def changed_sources(self, present: "Generation") -> list[str]:
        """The sources that are of another generation there, by name."""
        return _different(self.sources, present.sources)

    def stale_because(self, wanted: "Generation", present: "Generation | None" = None) -> str:
        """How this differs from the generation it would have if made now, in words; empty when it does not.

        ``present``, where ``wanted`` has its sources made anew too: the generation by the sources as they are. One that
        is still what this was made from has not changed, but would."""
        same = {name for name, made in present.sources.items() if self.sources.get(name) == made} if present else set()
        changed = [f"{name} {'would change' if name in same else 'changed'}" for name in self.changed_sources(wanted)]
        changed += [
            _change(name, self.parameters.get(name, "unset"), wanted.parameters.get(name, "unset"))
            for name in _different(self.parameters, wanted.parameters)
        ]
        if self.code_version != wanted.code_version:
            changed.append(
                f"version {self.code_version} of its rule made it, and the rule is now version {wanted.code_version}"
            )
        return "; ".join(changed)


def digest(text: str) -> str:
    """16 hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def digest_of_all(digests: Iterable[str]) -> str:
    """One digest for several in their order; NOTHING for none."""
    several = list(digests)
    return digest("/".join(several)) if several else NOTHING


def _different(a: Mapping[str, str], b: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {*a, *b} if a.get(name) != b.get(name))


def _change(name: str, was: str, now: str) -> str:
    """How a parameter differs, in words; of lists, which have commas, only what differs."""
    before, after = was.split(", "), now.split(", ")
    removed = ", ".join(value for value in before if value not in after)
    added = ", ".join(value for value in after if value not in before)
    if len(before) == len(after) == 1 or not (removed or added):
        return f"{name} was {was}, is {now}"
    if removed and added:
        return f"{name}: {added} in place of {removed}"
    return f"{name}: {added} added" if added else f"{name}: {removed} removed"
