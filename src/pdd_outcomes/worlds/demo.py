"""Demonstration data written as files, the way a study's own data would arrive."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from ..core.errors import UsageError, choose, did_you_mean
from .parameters import Settings
from .public import recid
from .synthetic import thirteen_forces

SOURCES = ("public:recid", "synthetic:thirteen_forces")


def write_raw(source: str, seed: int, folder: Path) -> None:
    """Write the files of a `public:` or `synthetic:` source into `folder`: CSV, and truth.csv where the truth is known.

    A synthetic source may turn the world's settings that are numbers: "synthetic:thirteen_forces rollout=12 uptake=0.4".
    """
    kind, _, rest = source.partition(":")
    name, *turned = rest.split() or [""]
    choose("data.source", f"{kind}:{name}", SOURCES)
    if kind == "public":
        if turned:
            raise UsageError(f"data.source: {kind}:{name} has no settings to turn: {' '.join(turned)}.")
        recid().to_csv(folder / "person.csv", index=False, lineterminator="\n")
        return
    world = thirteen_forces(seed, settings=_settings(turned)) if turned else thirteen_forces(seed)
    for table, frame in world.tables.items():
        frame.to_csv(folder / f"{table}.csv", index=False, lineterminator="\n")
    world.truth.to_csv(folder / "truth.csv", index=False, lineterminator="\n")


def _settings(turned: list[str]) -> Settings:
    """Settings from words like rollout=12; all problems at once."""
    known = {f.name: f.default for f in fields(Settings) if isinstance(f.default, (int, float, str))}
    known = {name: value for name, value in known.items() if name == "rollout" or not isinstance(value, str)}
    problems, given = [], {}
    for word in turned:
        name, _, value = word.partition("=")
        if name not in known:
            problems.append(
                f"data.source: {name!r} is no setting of the world.{did_you_mean(name, list(known))}"
            )
            continue
        try:
            given[name] = int(value) if isinstance(known[name], (int, str)) else float(value)
        except ValueError:
            problems.append(f"data.source: {word!r} is not a setting and a number, such as rollout=12.")
    if problems:
        raise UsageError(problems)
    return Settings(**given)  # type: ignore[arg-type]
