"""Start a service, put the audit's cases to it through Inspect, print the scores, end the service.

python docs/examples/neighbours/inspect_run.py --limit 10      (needs inspect-ai beside cbtguard[serve])
"""

from __future__ import annotations

import argparse
import collections
import sys

from inspect_ai import eval as inspect_eval
from inspect_ai.model import get_model
from inspect_task import SUITES, guarded
from serving import service


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--suites", default=SUITES)
    parser.add_argument("--limit", type=int, default=10, help="Most cases of each suite.")
    parser.add_argument("--logs", default="logs", help="Folder for Inspect's logs, which hold all texts.")
    options = parser.parse_args()
    with service() as url:
        model = get_model("openai-api/guarded/cbtguard", base_url=f"{url}/v1", api_key="none")
        (log,) = inspect_eval(
            guarded(options.suites, options.limit),
            model=model,
            display="none",
            log_dir=options.logs,
            log_model_api=True,
            max_connections=2,
        )
    if log.error:
        print(f"error: {log.error.message[:200]}")
    print(f"status {log.status}, {len(log.samples or [])} samples")
    for one in log.results.scores if log.results else []:
        for name, metric in one.metrics.items():
            print(f"{one.name} {name}: {metric.value:.3f}")
    failed = collections.Counter()
    for sample in log.samples or []:
        for score in (sample.scores or {}).values():
            if score.value != "C":
                failed[sample.id] += 1
                print(f"not met: {sample.id}: {score.explanation}")
    told = sum(
        s.metadata["guard_told"] for sample in log.samples or [] for s in (sample.scores or {}).values()
    )
    print(f"{told} of {len(log.samples or [])} judged with the field guard")
    return 0 if log.status == "success" else 1


if __name__ == "__main__":
    sys.exit(main())
