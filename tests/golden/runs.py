"""Four runs: GO; NO-GO with a waiver, an unknown and a drill; HOLD, its stack never up; and one that broke."""

from __future__ import annotations

import math
import random
from pathlib import Path

from tests.golden.synthetic import Writer, context, expect, facts, item, policy, writing

from gonogo.core.event import (
    FaultHealed,
    FaultInjected,
    FaultUnhealed,
    ItemStarted,
    RunFinished,
    RunInterrupted,
    StackFailed,
    StackStarted,
)
from gonogo.core.finding import Waiver
from gonogo.core.observation import Mark, Observation, Series, Span, Table, Timeline
from gonogo.core.outcome import Area, Severity, SkipReason
from gonogo.core.plan import PlanItem

INDEX = "checks/vector_index/index_is_used"
RECALL = "checks/vector_index/recall_is_high"
RLS = "checks/isolation/rls_is_forced"
LEAK = "checks/isolation/canaries_stay_home"
KNOWN = "checks/api/search_finds_the_known_answer"
READY = "checks/api/readiness_tells_the_truth"
TLS = "checks/security/tls_is_required"
KEYS = "checks/security/keys_are_not_logged"
METRICS = "checks/observability/metrics_can_be_scraped"
CACHE = "checks/resilience/cache_may_die"
STEADY = "loadtests/search_steady"
FAILOVER = "chaos/failover"
DRILL = "restore_drills/pg_dump_custom"
WAYS = Table(
    title="Ways to restore this very backup",
    columns=("Way", "First answer", "In full", "Ratio"),
    rows=(
        ("pg_restore as it comes", "63.4 s", "63.4 s", "1.00"),
        ("memory for the vector index", "18.3 s", "18.3 s", "0.29"),
        ("vector index last", "4.2 s", "18.4 s", "0.29"),
    ),
    remarks=("vector index last: answers by exact search meanwhile | slow <b>",),
    note="The fastest safe way is memory for the vector index: 0.29 of the time.",
)
CACHE_REASON = "the embedded cache is not part of this release"


def items() -> list[PlanItem]:
    """The plan of all three runs."""
    return [*_checks_of_the_data(), *_checks_of_the_service(), *_exercises()]


def _checks_of_the_data() -> list[PlanItem]:
    return [
        item(
            INDEX,
            "The application's nearest-neighbour query uses the vector index",
            expect("index_scan", "equals", True),
            expect("rows_examined_fraction", "at_most", 0.05, unit="1", text="5%"),
            area=Area.VECTOR_INDEX,
            severity=Severity.CRITICAL,
            covers=("C1",),
            why="Without it every search reads the whole table; latency grows with the data until the pool is full.",
            remedy="CREATE INDEX CONCURRENTLY ON chunks USING hnsw (embedding vector_cosine_ops);\n"
            "and see that the operator in the query (<=>) matches the operator class.",
        ),
        item(
            RECALL,
            "The index finds what an exact search finds",
            expect("recall_at_10", "at_least", 0.9, unit="1", text="90%", n=50),
            area=Area.VECTOR_INDEX,
            covers=("C4",),
            why="A fast answer that misses the right passage is a wrong answer.",
            remedy="Raise hnsw.ef_search for the application's role, or rebuild the index with a larger m.",
        ),
        item(
            RLS,
            "Row-level security is enabled and forced on every tenant table",
            expect("violations", "empty", True),
            area=Area.ISOLATION,
            severity=Severity.CRITICAL,
            covers=("B1",),
            why="A table without it gives every tenant's rows to any query that forgets a WHERE.",
            remedy="ALTER TABLE … ENABLE ROW LEVEL SECURITY;\nALTER TABLE … FORCE ROW LEVEL SECURITY;",
            line=3,
        ),
        item(
            LEAK,
            "A tenant never sees another tenant's canaries",
            expect("leaked_canaries", "equals", 0, n=20),
            area=Area.ISOLATION,
            severity=Severity.CRITICAL,
            covers=("B2",),
        ),
    ]


def _checks_of_the_service() -> list[PlanItem]:
    return [
        item(KNOWN, "Search finds the known answer", expect("hit_rate", "at_least", 0.95, unit="1"), area=Area.API),
        item(
            READY,
            "Readiness says no while the database is away",
            expect("ready_while_down", "equals", False),
            area=Area.API,
            why="A balancer that trusts it keeps sending people to an instance that cannot answer.",
            remedy="Let /readyz run a query through the pool, with a timeout of a second.",
        ),
        item(
            TLS,
            "Connections to the database are encrypted",
            expect("unencrypted_connections", "empty", True),
            area=Area.SECURITY,
            covers=("F2",),
            remedy="Use hostssl in pg_hba.conf and sslmode=verify-full in the application.",
        ),
        item(
            KEYS,
            "No API key is written to the logs",
            expect("keys_found", "equals", 0),
            area=Area.SECURITY,
            severity=Severity.MEDIUM,
        ),
        item(
            METRICS,
            "Prometheus can scrape the application",
            expect("families", "contains", "http_requests_total"),
            area=Area.OBSERVABILITY,
            severity=Severity.LOW,
        ),
        item(
            CACHE,
            "Search still answers when the cache dies",
            expect("errors", "equals", 0),
            area=Area.RESILIENCE,
            skip=SkipReason.UNSUPPORTED,
            reason="the stack has no cache",
        ),
    ]


def _exercises() -> list[PlanItem]:
    return [
        item(
            STEADY,
            "Search holds its latency objective at 50 requests a second",
            expect("p95", "at_most", 0.3, unit="s", text="300ms", n=500),
            expect("error_rate", "at_most", 0.01, unit="1", text="1%"),
            area=Area.LOAD,
            covers=("I1", "I3"),
            why="What is fast for one person must stay fast for everybody at once.",
            remedy="See which statement waits: pg_stat_statements, then the pool's size.",
        ),
        item(
            FAILOVER,
            "The primary dies; writes resume on the standby and nothing acknowledged is lost",
            expect("write_outage", "at_most", 10, unit="s", text="10s"),
            expect("acknowledged_rows_lost", "equals", 0),
            area=Area.RESILIENCE,
            covers=("H1",),
            why="A failover that loses what was confirmed is worse than an outage.",
            remedy="Set synchronous_standby_names, and let the application's driver try every host.",
        ),
        item(
            DRILL,
            "A pg_dump backup brings the service back within its objectives",
            expect("rto", "at_most", 300, unit="s", text="5min"),
            expect("exposed_rpo", "at_most", 90_000, unit="s", text="25h"),
            expect("recall_at_10", "at_least", 0.9, unit="1", text="90%", n=50),
            area=Area.BACKUP,
            severity=Severity.CRITICAL,
            covers=("A2", "A7", "A8", "A9"),
            why="A backup that was never restored is a hope.",
            remedy="Build indexes in parallel (pg_restore --jobs) and raise maintenance_work_mem for the restore.",
        ),
    ]


def write_go(path: Path) -> Path:
    """Everything holds; one item is unsupported, accepted by name in the policy."""
    with writing(path) as run:
        used = policy(accept={CACHE: CACHE_REASON})
        run.write_plan(context(used), facts(), items())
        run.at(3.1).event(StackStarted(stack="reference", runtime="docker", seconds=3.1))
        _pass_checks(run, except_for=())
        run.at(12)
        _steady(run, slow=False)
        run.at(50)
        _failover(run)
        run.at(75)
        _drill(run, slow=False)
        run.at(118.2).event(RunFinished(wall_s=118.2, overhead_s=4.4))
    return path


def write_no_go(path: Path) -> Path:
    """Two blockers, one waived failure, one unknown, a drill that takes too long."""
    waiver = Waiver(
        id=TLS,
        owner="platform team",
        reason="the database is reached through a private link until the certificates are rolled out",
        approved_by="head of infrastructure",
        expires="2026-12-15",
    )
    with writing(path) as run:
        run.write_plan(context(policy(waiver, accept={CACHE: CACHE_REASON})), facts(), items())
        run.at(3.1).event(StackStarted(stack="reference", runtime="docker", seconds=3.1))
        _pass_checks(run, except_for=(RLS, READY, TLS))
        tables = ("public.chunks", "public.documents <archive>")
        evidence = f"artifacts/{RLS}/tables.json"
        run.run(RLS, Observation(name="violations", value=tables, n=7, evidence=evidence))
        run.run(
            READY, unmeasurable="the fault did not land: the database still answered after 2 s", cause="not_measurable"
        )
        run.run(TLS, Observation(name="unencrypted_connections", value=("rag_app from 10.0.3.7",), n=4))
        run.at(12)
        _steady(run, slow=True)
        run.at(50)
        _failover(run)
        run.at(75)
        _drill(run, slow=True)
        run.at(507).event(RunFinished(wall_s=507.0, overhead_s=5.1))
    return path


def write_hold(path: Path) -> Path:
    """The stack did not come up: nothing was measured, and nothing is called good."""
    with writing(path) as run:
        run.write_plan(context(policy()), None, items())
        reason = "db: connection to 127.0.0.1:5432 refused for 60 s; its log: \x1b[31mno space left on device\x1b[0m"
        run.at(61).event(StackFailed(reason=reason))
        run.at(61.4).event(RunFinished(wall_s=61.4, overhead_s=0.4))
    return path


def write_broken(path: Path) -> Path:
    """Interrupted while a fault was held, and the fault could not be undone: exit code 4, the loudest report."""
    with writing(path) as run:
        run.write_plan(context(policy()), facts(), items())
        run.at(3.1).event(StackStarted(stack="reference", runtime="docker", seconds=3.1))
        _pass_checks(run, except_for=())
        run.at(50).event(ItemStarted(id=FAILOVER))
        run.event(FaultInjected(id=FAILOVER, fault="primary_killed", proof="pid 4711 and its 9 children are gone"))
        run.at(53).event(
            FaultUnhealed(id=FAILOVER, fault="primary_killed", reason="the old primary does not start: disk full")
        )
        run.event(RunInterrupted(reason="SIGTERM"))
        run.at(55).event(RunFinished(wall_s=55.0, overhead_s=1.2))
    return path


def _pass_checks(run: Writer, *, except_for: tuple[str, ...]) -> None:
    seen = {
        INDEX: (
            Observation(name="index_scan", value=True, n=1, evidence=f"artifacts/{INDEX}/plan.json"),
            Observation(name="rows_examined_fraction", value=0.0041, unit="1", n=10_344),
        ),
        RECALL: (Observation(name="recall_at_10", value=0.972, unit="1", n=200, low=0.951, high=0.984),),
        RLS: (Observation(name="violations", value=(), n=7),),
        LEAK: (Observation(name="leaked_canaries", value=0, subject="acme → globex", unit="count", n=40),),
        KNOWN: (Observation(name="hit_rate", value=0.9875, unit="1", n=80),),
        READY: (Observation(name="ready_while_down", value=False, n=5),),
        TLS: (Observation(name="unencrypted_connections", value=(), n=4),),
        KEYS: (Observation(name="keys_found", value=0, n=1_204),),
        METRICS: (Observation(name="families", value=("http_requests_total", "rag_search_seconds"), n=2),),
    }
    for identifier, observed in seen.items():
        if identifier not in except_for:
            run.run(identifier, *observed)


def _steady(run: Writer, *, slow: bool) -> None:
    """A load profile of 30 s with a swelling p95."""
    dice = random.Random(7)
    base, swell = (0.14, 0.29) if slow else (0.08, 0.03)
    p95 = [(12 + at / 2, base + swell * math.exp(-(((at - 38) / 11) ** 2)) + dice.random() * 0.03) for at in range(60)]
    p50 = [(at, value * 0.4) for at, value in p95]
    rate = [(12 + at / 2, 50 + dice.random() * 5 - 2.5) for at in range(60)]
    timeline = Timeline(
        series=(
            Series(name="p95", unit="s", points=tuple(p95), limit=0.3),
            Series(name="p50", unit="s", points=tuple(p50)),
            Series(name="throughput", unit="1/s", points=tuple(rate)),
        )
    )
    value, high = (0.412, 0.431) if slow else (0.108, 0.117)
    run.run(
        STEADY,
        Observation(name="p50", value=value * 0.4, unit="s", n=1_487),
        Observation(
            name="p95",
            value=value,
            unit="s",
            n=1_487,
            low=value - 0.01,
            high=high,
            load_sensitive=True,
            evidence=f"artifacts/{STEADY}/samples.csv",
        ),
        Observation(name="p99", value=value * 1.4, unit="s", n=1_487),
        Observation(name="throughput", value=49.6, unit="1/s"),
        Observation(name="error_rate", value=0.0, unit="1", n=1_487),
        seconds=30.4,
        timeline=timeline,
    )


def _failover(run: Writer) -> None:
    run.event(FaultInjected(id=FAILOVER, fault="primary_killed", proof="pid 4711 and its 9 children are gone"))
    run.event(FaultHealed(id=FAILOVER, fault="primary_killed", proof="the old primary streams from the new one"))
    wait = [(50 + at / 5, 0.012 if at < 25 or at > 41 else 2.4 - abs(at - 33) * 0.1) for at in range(100)]
    timeline = Timeline(
        spans=(
            Span(name="primary_killed", start_s=55.0, end_s=55.2, kind="fault"),
            Span(name="primary_killed", start_s=55.2, end_s=58.4, kind="hold"),
            Span(name="writes_resume", start_s=58.4, end_s=61.9, kind="recovery"),
        ),
        marks=(Mark(name="promoted", at_s=57.1), Mark(name="first_write", at_s=58.4)),
        series=(Series(name="write_latency", unit="s", points=tuple(wait), subject="ledger"),),
    )
    run.run(
        FAILOVER,
        Observation(name="write_outage", value=3.4, unit="s", n=1, low=3.3, high=3.5),
        Observation(
            name="acknowledged_rows_lost",
            value=0,
            unit="count",
            n=1_842,
            evidence=f"artifacts/{FAILOVER}/ledger.ndjson",
        ),
        seconds=20.6,
        timeline=timeline,
    )


def _drill(run: Writer, *, slow: bool) -> None:
    """Backup, disaster, restore in phases; slow when the index build takes most of six minutes."""
    build = 341.0 if slow else 6.3
    lengths = {"provision": 2.1, "schema": 0.9, "data": 7.4, "indexes": build, "analyze": 1.2, "first_answer": 0.8}
    at, spans = 83.0, [Span(name="backup", start_s=76.0, end_s=82.2)]
    for name, length in lengths.items():
        spans.append(Span(name=name, start_s=at, end_s=at + length))
        at += length
    rto = round(at - 83.0, 1)
    degraded = 10.9
    timeline = Timeline(
        spans=tuple(spans),
        marks=(Mark(name="disaster", at_s=83.0), Mark(name="first_degraded_answer", at_s=83.0 + degraded)),
    )
    run.run(
        DRILL,
        Observation(name="rto", value=rto, unit="s", n=1, detail="polled every 100 ms on 195 MiB"),
        Observation(name="rto_degraded", value=degraded, unit="s", n=1),
        Observation(name="rpo", value=0.0, unit="s", n=1_203),
        Observation(name="exposed_rpo", value=87_600.0, unit="s", n=1),
        Observation(name="recall_at_10", value=0.968, unit="1", n=80, evidence=f"artifacts/{DRILL}/recall.json"),
        seconds=at - 75.0,
        timeline=timeline,
        tables=(WAYS,),
    )


RUNS = {"go": write_go, "no_go": write_no_go, "hold": write_hold, "broken": write_broken}
