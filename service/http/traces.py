"""OpenTelemetry: a span for each turn and each of its stops, with route and level and no text."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from cbtguard.safety.errors import DependencyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cbtguard.graph import Answer


class TurnTrace(Protocol):
    """Told of a turn as it goes."""

    def stop(self, stop: str, ms: float) -> None:
        """Take a stop that just ended."""
        ...

    def end(self, answer: Answer) -> None:
        """Take the outcome."""
        ...


class NoTrace:
    """Tells nobody."""

    def stop(self, stop: str, ms: float) -> None:
        """Do nothing."""

    def end(self, answer: Answer) -> None:
        """Do nothing."""


class Tracing:
    """Opens spans on a tracer; without one it does nothing.

    Args:
        tracer: An OpenTelemetry tracer, or None.
    """

    def __init__(self, tracer: Any | None = None) -> None:
        self._tracer = tracer

    @contextmanager
    def turn(self, headers: Mapping[str, str]) -> Iterator[TurnTrace]:
        """Trace a turn; a ``traceparent`` among the headers becomes its parent."""
        if self._tracer is None:
            yield NoTrace()
            return
        from opentelemetry.trace import SpanKind  # noqa: PLC0415 - an extra
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - the same
            TraceContextTextMapPropagator,
        )

        carrier = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
        parent = TraceContextTextMapPropagator().extract(carrier)
        span = self._tracer.start_span("cbtguard.turn", context=parent, kind=SpanKind.SERVER)
        try:
            yield _SpanTrace(self._tracer, span)
        finally:
            span.end()


class _SpanTrace:
    def __init__(self, tracer: Any, span: Any) -> None:
        self._tracer = tracer
        self._span = span

    def stop(self, stop: str, ms: float) -> None:
        from opentelemetry.trace import set_span_in_context  # noqa: PLC0415 - an extra

        now = time.time_ns()
        span = self._tracer.start_span(
            f"cbtguard.stop.{stop}",
            context=set_span_in_context(self._span),
            start_time=now - int(ms * 1e6),
            attributes={"cbtguard.stop": stop},
        )
        span.end(now)

    def end(self, answer: Answer) -> None:
        self._span.set_attributes(
            {
                "cbtguard.route": answer.route.value,
                "cbtguard.reason": answer.reason,
                "cbtguard.level": answer.risk.level.value,
                "cbtguard.attempts": answer.attempts,
                "cbtguard.record_id": answer.record_id or "",
                "cbtguard.faults": list(answer.faults),
            }
        )


def collector(address: str) -> tuple[Tracing, Any]:
    """Return tracing that sends to a collector, and its provider, to be shut down at the end.

    Args:
        address: Where the collector takes OTLP over HTTP; empty for no traces.

    Raises:
        DependencyError: ``dependency.otel`` when the extra is not installed.
    """
    if not address:
        return Tracing(), None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - an extra
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - the same
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - the same
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - the same
    except ImportError as error:
        raise DependencyError(
            "dependency.otel",
            "OpenTelemetry is not installed.",
            hint='Install "cbtguard[serve,otel]", or leave serve.traces unset.',
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": "cbtguard"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address)))
    return Tracing(provider.get_tracer("cbtguard")), provider
