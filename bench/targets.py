"""What is measured, and the targets each figure stands beside (the budget of the hot path, everything on)."""

import msgspec


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure. `first` is the target to reach first, `final` the one to reach in the end; None is no target."""

    name: str
    what: str
    unit: str
    first: float | None = None
    final: float | None = None

    def verdict(self, value: float) -> str:
        """Say where a value stands; lower is better wherever there is a target."""
        if self.first is None or self.final is None:
            return ""
        if value <= self.final:
            return "hit"
        return "hit, not yet final" if value <= self.first else "MISS"


MEASURES = (
    Measure(name="openai_1k", what="OpenAI in and out, 1 kB", unit="us CPU", first=300, final=150),
    Measure(name="anthropic_1k", what="Anthropic in and out, 1 kB", unit="us CPU", first=300, final=150),
    Measure(name="openai_to_anthropic_1k", what="OpenAI in, Anthropic out, 1 kB", unit="us CPU", first=400, final=250),
    Measure(name="anthropic_to_openai_1k", what="Anthropic in, OpenAI out, 1 kB", unit="us CPU", first=400, final=250),
    Measure(name="responses_1k", what="Responses in and out, 1 kB", unit="us CPU", first=300, final=150),
    Measure(name="gemini_1k", what="Gemini in and out, 1 kB", unit="us CPU", first=300, final=150),
    Measure(name="responses_to_openai_1k", what="Responses in, OpenAI out, 1 kB", unit="us CPU", first=400, final=250),
    Measure(name="openai_to_responses_1k", what="OpenAI in, Responses out, 1 kB", unit="us CPU", first=400, final=250),
    Measure(name="gemini_to_openai_1k", what="Gemini in, OpenAI out, 1 kB", unit="us CPU", first=400, final=250),
    Measure(name="openai_to_gemini_1k", what="OpenAI in, Gemini out, 1 kB", unit="us CPU", first=400, final=250),
    Measure(name="gemini_to_anthropic_1k", what="Gemini in, Anthropic out, 1 kB", unit="us CPU", first=400, final=250),
    Measure(
        name="responses_to_anthropic_1k", what="Responses in, Anthropic out, 1 kB", unit="us CPU", first=400, final=250
    ),
    Measure(name="openai_100k", what="OpenAI in and out, 100 kB", unit="us CPU"),
    Measure(name="openai_1k_rate", what="OpenAI in and out, 1 kB, back to back", unit="requests/s"),
    Measure(name="event", what="paced stream event, forwarded", unit="us CPU", first=45, final=30),
    # The first target is for forwarded events only.
    Measure(name="event_translated", what="paced stream event, translated", unit="us CPU", first=50, final=50),
    Measure(name="burst", what="whole stream of 100 events at once, forwarded", unit="us CPU"),
    Measure(name="burst_translated", what="whole stream of 100 events at once, translated", unit="us CPU"),
    Measure(name="added_p50", what="added latency at moderate load, median", unit="ms"),
    Measure(name="added_p99", what="added latency at moderate load, 99th percentile", unit="ms", first=2, final=2),
    Measure(name="stream_memory", what="memory of an open stream", unit="kB", first=60, final=60),
    Measure(name="first_start", what="start to first answer, new home", unit="s"),
    Measure(name="start", what="start to first answer", unit="s", first=1.0, final=1.0),
    Measure(name="idle_memory", what="memory when idle, after some requests", unit="MB", first=90, final=90),
)
