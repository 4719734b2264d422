"""Readiness shows the database's connection string to everybody who asks."""


def apply() -> None:
    """Put it into the answer."""
    from reference_rag_defects.parts import answer_instead

    checks: dict[str, object] = {"database": "postgresql://rag_app:hunter22@10.0.0.7:5432/rag", "schema": "ok"}
    answer_instead("/readyz", {"status": "ready", "checks": checks})
