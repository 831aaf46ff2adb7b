"""What an operator watches: counts and times for Prometheus, with no word that anybody wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

if TYPE_CHECKING:
    from cbtguard.graph import Answer

_STOPS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_TURNS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120)


class Watch:
    """The metrics of one application, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        self.turns = Counter(
            "cbtguard_turns", "Turns by route, reason and level.", ("route", "reason", "level"), registry=own
        )
        self.drafts = Counter("cbtguard_drafts", "Drafts asked for.", registry=own)
        self.repairs = Counter(
            "cbtguard_repairs", "Parts of answers that were mended.", ("how", "part"), registry=own
        )
        self.defects = Counter(
            "cbtguard_defects", "Defects of last drafts that did not pass.", ("code",), registry=own
        )
        self.faults = Counter("cbtguard_faults", "Faults of stops.", ("stop", "fault"), registry=own)
        self.writer_failures = Counter(
            "cbtguard_writer_failures", "Failures of the writer.", ("fault",), registry=own
        )
        self.unrecorded = Counter("cbtguard_unrecorded_turns", "Turns without a record entry.", registry=own)
        self.withdrawn = Counter(
            "cbtguard_withdrawn_answers", "Answers whose rest did not pass.", registry=own
        )
        self.left = Counter("cbtguard_left_turns", "Turns whose caller went away.", registry=own)
        self.redactions = Counter(
            "cbtguard_redactions", "Places where personal data was taken out.", ("type",), registry=own
        )
        self.stops = Histogram(
            "cbtguard_stop_seconds", "Time of a stop.", ("stop",), buckets=_STOPS, registry=own
        )
        self.seconds = Histogram(
            "cbtguard_turn_seconds", "Time of a turn.", ("route",), buckets=_TURNS, registry=own
        )
        self.first_text = Histogram(
            "cbtguard_first_text_seconds", "Time to the first words.", buckets=_TURNS, registry=own
        )
        self.refused = Counter(
            "cbtguard_refused_requests", "Requests that were refused.", ("code",), registry=own
        )
        self.requests = Counter(
            "cbtguard_requests", "HTTP requests.", ("method", "route", "status"), registry=own
        )
        self.in_work = Gauge("cbtguard_turns_in_work", "Turns in work.", registry=own)
        self.draining = Gauge("cbtguard_draining", "1 while the service ends.", registry=own)
        self.directory_age = Gauge(
            "cbtguard_directory_age_days",
            "Days since a help line of the region was last checked.",
            registry=own,
        )

    def stop(self, stop: str, ms: float) -> None:
        """Count a stop that ended."""
        self.stops.labels(stop).observe(ms / 1000)

    def turn(self, answer: Answer, seconds: float) -> None:
        """Count a turn that ended."""
        self.turns.labels(answer.route.value, answer.reason, answer.risk.level.value).inc()
        self.seconds.labels(answer.route.value).observe(seconds)
        self.drafts.inc(answer.attempts)
        for how, parts in (("again", answer.repaired), ("fill", answer.filled)):
            for part in parts:
                self.repairs.labels(how, part).inc()
        for defect in answer.defects:
            self.defects.labels(defect).inc()
        for fault in answer.faults:
            stop, kind, *_ = fault.split(":")
            self.faults.labels(stop, kind).inc()
            if stop == "generate":
                self.writer_failures.labels(kind).inc()
        for kind, places in answer.redactions.items():
            self.redactions.labels(kind).inc(places)
        if answer.record_id is None:
            self.unrecorded.inc()

    def page(self) -> bytes:
        """Return all of it in Prometheus's text format."""
        return generate_latest(self.registry)
