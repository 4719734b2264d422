"""The self-test of `verify-backup`: broken backups of every method are shown to it; an oracle says which are broken."""

from __future__ import annotations

from gonogo.core.deadline import Interruption
from gonogo.core.errors import Interrupted, UsageError
from gonogo.drills.corpus.methods import DATABASE, METHODS
from gonogo.engine.corpus.ground import Tell, ground_of, make_healthy, oracles, site_of
from gonogo.engine.corpus.matrix import CorpusMatrix
from gonogo.engine.corpus.plan import CorpusOptions, plan, units
from gonogo.engine.corpus.showing import show, show_healthy, side_by_side
from gonogo.engine.interruption import interruptible
from gonogo.engine.run import Observer, recorded, tool


def drills(options: CorpusOptions, tell: Tell) -> CorpusMatrix:
    """Make the corpus and show it to `verify-backup`. Raises UsageError for patterns that name nothing, StackError.

    What shows a mistake is kept below `options.out`, artefact and evidence.
    """
    members = plan(options)
    if not members:
        raise UsageError(f"no member is named {', '.join(options.only)}: their ids are method/mutation/number")
    interruption = Interruption()
    info = {"stack": DATABASE, "suite": "selftest", "command": "gonogo selftest --drills", "tool": tool()}
    with (
        interruptible(interruption),
        recorded(options.out / "corpus", {**info, "commit": None}, Observer()) as (_, services),
        site_of(services, interruption) as site,
    ):
        ground = ground_of(options, tell, interruption, site)
        left_out = [f"{one.name}: here is no {ground.missing(one)}" for one in METHODS if ground.missing(one)]
        members = [one for one in members if not ground.missing(one.method)]
        methods = [one for one in METHODS if any(member.method == one for member in members)]
        ground.total = len(methods) + len(members)
        try:
            make_healthy(ground, methods)
            with oracles(ground):
                side_by_side(ground, [[one] for one in methods], show_healthy)
                side_by_side(ground, units(members), show)
        except Interrupted as error:
            interruption.set(str(error))
    order = {one.id: number for number, one in enumerate(members)}
    tried = sorted(ground.tried, key=lambda one: order.get(one.id, -1))
    return CorpusMatrix(
        seed=options.seed, tried=tuple(tried), interrupted=interruption.reason, left_out=tuple(left_out)
    )
