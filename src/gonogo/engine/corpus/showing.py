"""One member after the other: made, shown to the oracle, shown to `verify-backup`; what shows a mistake is kept."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from gonogo.core.errors import StackError, UsageError
from gonogo.core.outcome import Outcome
from gonogo.drills.corpus import CONTENTS, DAMAGES, Copy, Member
from gonogo.drills.corpus.methods import Form, Method
from gonogo.drills.corpus.moving import BASE, WAL
from gonogo.drills.corpus.oracle import Oracle
from gonogo.drills.corpus.programs import Refused
from gonogo.drills.given import Asked
from gonogo.engine.corpus.ground import SIDE_BY_SIDE, Ground
from gonogo.engine.corpus.matrix import HEALTHY, REFUSED, WRONG, Tried
from gonogo.engine.run import Observer
from gonogo.engine.verify import VerifyOptions, verify
from gonogo.judge.judgement import Judgement

OF_ONE_S = 300.0
WITH_REFERENCE = frozenset(
    ("fingerprints_differ", "differences", "settings_lost", "broken_indexes", "roles_differ", "not_compared")
)
T = TypeVar("T")


def side_by_side(ground: Ground, work: Sequence[T], do: Callable[[Ground, T], None]) -> None:
    """Do it for all, as many at a time as there are oracles. An interruption leaves out what has not begun."""

    def one(what: T) -> None:
        if not ground.interruption.is_set:
            do(ground, what)

    with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="gonogo-corpus") as pool:
        for done in [pool.submit(one, what) for what in work]:
            done.result()


def show_healthy(ground: Ground, methods: Sequence[Method]) -> None:
    """What has to be good: nothing that is red on it could show anything."""
    for method in methods:
        tried = Tried(id=f"{method.name}/{HEALTHY}/0", method=method.name, mutation=HEALTHY, what="as it was made")
        _shown(ground, tried, method, ground.healthy(method), healthy=True)


def show(ground: Ground, members: Sequence[Member]) -> None:
    """Members that are made together."""
    with _workplace(ground) as folder:
        if members[0].is_content:
            _show_content(ground, members, folder)
        else:
            for member in members:
                _show_damage(ground, member, folder)


def _show_damage(ground: Ground, member: Member, folder: Path) -> None:
    source, path = ground.healthy(member.method), folder / member.method.name
    if source.is_dir():
        shutil.copytree(source, path)
    else:
        shutil.copy(source, path)
    copy = Copy(path=path, other=ground.healthy(member.method, "yesterday"), method=member.method, turn=member.turn)
    what = DAMAGES.load(member.mutation).apply(copy, member.dice())
    ground.source.programs.account.own(path)
    _shown(ground, _new(member, what), member.method, path)


def _show_content(ground: Ground, members: Sequence[Member], folder: Path) -> None:
    first = members[0]
    what, statements = CONTENTS.load(first.mutation).statements(first.turn, first.dice())
    try:
        with ground.source.copy(statements) as clone:
            for member in members:
                clone.back_up(member.method, folder / member.method.name)
    except (StackError, Refused) as error:
        for member in members:
            ground.add(replace(_new(member, what), reason=str(error)))
        return
    for member in members:
        _shown(ground, _new(member, what), member.method, folder / member.method.name)


def _new(member: Member, what: str) -> Tried:
    return Tried(id=member.id, method=member.method.name, mutation=member.mutation, what=what)


def _shown(ground: Ground, tried: Tried, method: Method, path: Path, *, healthy: bool = False) -> None:
    """To the oracle (which learns from what is healthy) and to `verify-backup`."""
    began = time.monotonic()
    evidence = ground.options.out / tried.id
    broken = None
    with _oracle(ground) as oracle:
        if healthy:
            oracle.learn(method, path)
        else:
            broken = oracle.broken(method, path)
    try:
        archived = method.form is Form.ARCHIVED
        asked = VerifyOptions(
            path=str(path / BASE if archived else path), asked=Asked(wal=path / WAL if archived else None),
            reference=str(ground.facts(method)), trust=True, time_limit_s=OF_ONE_S, out=evidence / "run",
            empty_cluster=ground.empty,
        )  # fmt: skip
        judgement = verify(asked, Observer(), ground.interruption).judgement
    except UsageError as error:
        tried = replace(tried, verdict=REFUSED, reason=str(error), alone=True)
    else:
        if ground.interruption.is_set:
            return
        verdict = judgement.verdict.value
        tried = replace(tried, verdict=verdict, reason=_reason(judgement), alone=_alone(judgement))
    tried = replace(tried, broken=broken, seconds=time.monotonic() - began)
    if tried.judged in WRONG:
        tried = replace(tried, kept=str(evidence))
        _keep(path, evidence / "backup")
    else:
        shutil.rmtree(evidence, ignore_errors=True)
    ground.add(tried)


def _reason(judgement: Judgement) -> str:
    """Why it is not good: the item's own words, or the observations that are red."""
    finding = judgement.findings[0]
    red = [one for one in finding.expectations if one.outcome not in {Outcome.PASS, Outcome.SKIPPED}]
    said = {one.name: one.detail for one in finding.observations if one.detail}
    words = [f"{one.observation}: {said.get(one.observation, '')[:300]}" for one in red]
    return finding.reason or "; ".join(words)


def _alone(judgement: Judgement) -> bool:
    """Whether something is red that needs no reference."""
    red = {one.observation for one in judgement.findings[0].expectations if one.outcome is Outcome.FAIL}
    return bool(red - WITH_REFERENCE)


def _keep(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, target, dirs_exist_ok=True)
    else:
        shutil.copy(path, target)


@contextmanager
def _oracle(ground: Ground) -> Iterator[Oracle]:
    """One of its own, for as long as it takes."""
    oracle = ground.oracles.get()
    try:
        yield oracle
    finally:
        ground.oracles.put(oracle)


@contextmanager
def _workplace(ground: Ground) -> Iterator[Path]:
    """A folder that goes away again."""
    with ground.lock:
        ground.places += 1
        folder = ground.folder / f"w{ground.places}"
    ground.source.programs.account.folder(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
