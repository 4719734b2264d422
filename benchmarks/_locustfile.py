"""What somebody without gonogo writes for Locust: users who ask a question a second each. Used by by_hand.sh."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

from locust import HttpUser, constant_throughput, task

QUESTIONS = [json.loads(line) for line in Path(os.environ["QUESTIONS"]).read_text().splitlines()]


class Search(HttpUser):
    """One of as many users as requests a second are wanted."""

    wait_time = constant_throughput(1)

    @task
    def search(self) -> None:
        """Ask, and see whether the right document is among the hits."""
        one = random.choice(QUESTIONS)
        body = {"query": one["question"], "k": 10}
        headers = {"X-API-Key": f"by-hand-{one['tenant']}"}
        with self.client.post("/search", json=body, headers=headers, catch_response=True) as answer:
            if one["document"] not in [hit["document_id"] for hit in answer.json()["hits"]]:
                answer.failure("the right document is missing")
