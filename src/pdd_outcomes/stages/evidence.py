"""Stage 8: evidence beyond one comparison: forces, roll-out, instrument, engagement, moderators, equity, costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .economics import costs
from .engagement import engaged
from .equity import fairness
from .evidence_rows import Row, evidence_frame
from .few_forces import forces
from .files import sha256_file
from .instrument import officers
from .moderation import moderation
from .published import published
from .roll_out import roll_out
from .runner import Workbench
from .study import Study

# In the order of the report; each is there where the protocol has a part of that name.
SECTIONS: dict[str, Callable[[Workbench], Iterator[Row]]] = {
    "forces": forces,
    "roll_out": roll_out,
    "instrument": officers,
    "engagement": engaged,
    "moderators": moderation,
    "equity": fairness,
    "economics": costs,
}


def files_beside(study: Study) -> dict[str, str]:
    """Tables beside the protocol that the stage reads, such as unit costs, with their hashes."""
    return {p.name: sha256_file(p) for p in sorted(study.home.glob("*.csv"))}


def run(bench: Workbench) -> None:
    """The rows of every section that the protocol has; none where a gate failed."""
    rows: list[Row] = []
    if bench.protocol.data.shape == "force_estimates":
        rows += published(bench)
    elif not bench.manifests["outcomes"]["notes"]["gates_failed"]:
        for name, section in SECTIONS.items():
            if getattr(bench.protocol, name) is not None:
                bench.log(f"{bench.study.name}: evidence: {name.replace('_', ' ')}")
                rows += section(bench)
    bench.write("evidence.csv", evidence_frame(rows))
