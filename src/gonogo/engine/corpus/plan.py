"""Which broken backups are made: drawn from the seed, so that the same seed gives the same ones."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from random import Random

from gonogo.drills.corpus import CONTENTS, DAMAGES, Member, found_before
from gonogo.drills.corpus.methods import METHODS, Form, Method

MOST_ROUNDS = 100
ROUNDS_OF_A_PATTERN = 5  # unless it names a number, or --members says more


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusOptions:
    """What is asked. `members` None: each mutation once, of every method that it suits, a content by three of them."""

    out: Path
    seed: int = 1
    members: int | None = None
    only: tuple[str, ...] = ()


def plan(options: CorpusOptions) -> list[Member]:
    """The members: those that showed a mistake before, then every mutation in an order of the seed's, in rounds."""
    everything = chain(found_before(), _everything(options.seed, every_method=bool(options.only)))
    if not options.only:
        first = len(found_before()) + sum(1 for _ in _round(options.seed, 0, every_method=False))
        return list(islice(everything, options.members or first))
    rounds = MOST_ROUNDS if options.members else ROUNDS_OF_A_PATTERN
    named = (
        one
        for one in everything
        if any(one.id == pattern or fnmatch.fnmatch(one.id, pattern) for pattern in options.only)
    )
    exact = any(pattern.rpartition("/")[2].partition("@")[0].isdigit() for pattern in options.only)
    within = (one for one in named if exact or one.number < rounds)
    return list(islice(within, options.members))


def units(members: Sequence[Member]) -> list[list[Member]]:
    """Members that are made of one changed database come together."""
    found: dict[object, list[Member]] = {}
    for one in members:
        found.setdefault((one.mutation, one.number, one.seed) if one.is_content else one.id, []).append(one)
    return list(found.values())


def _everything(seed: int, *, every_method: bool) -> Iterator[Member]:
    for number in range(MOST_ROUNDS):
        yield from _round(seed, number, every_method=every_method)


def _round(seed: int, number: int, *, every_method: bool) -> Iterator[Member]:
    dice = Random(f"{seed}/{number}")  # noqa: S311 - to be made again, not secret
    pairs = [(method, name) for name in DAMAGES.names() for method in METHODS if DAMAGES.load(name).suits(method)]
    still = [one for one in METHODS if not one.moving]
    for name in CONTENTS.names():
        chosen = still if every_method else _three(dice)
        pairs += [(method, name) for method in chosen]
    dice.shuffle(pairs)
    for method, name in pairs:
        yield Member(seed=seed, method=method, mutation=name, number=number)


def _three(dice: Random) -> list[Method]:
    """One for each program that restores: what is in the database, not how it is stored, is what matters."""
    forms = ((Form.ARCHIVE,), (Form.SQL, Form.CLUSTER), (Form.FILES, Form.TARS))
    return [dice.choice([one for one in METHODS if one.form in group]) for group in forms]
