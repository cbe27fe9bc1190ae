"""The sandbox's rows: simulated models, simulated providers, and who serves what at which price, speed and frailty.

Prices are nano-dollars per million tokens; times are simulated seconds. Rates of failure are shares of requests.
"""

import msgspec

from wideband.canon.request import Task
from wideband.catalog.rows import DataPolicy

# The key of every simulated provider: it opens nothing but the sandbox.
SANDBOX_KEY = "simulated"
CREATED_S = 1_760_000_000
_CENT = 10_000_000


class Peak(msgspec.Struct, frozen=True, gc=False):
    """The hours of the UTC day, half-open and wrapping midnight, in which a provider is `factor` times slower."""

    from_hour: int
    to_hour: int
    factor: float

    def slowdown(self, hour: int) -> float:
        """Return by what waiting times are multiplied in an hour of the UTC day."""
        length = (self.to_hour - self.from_hour) % 24
        return self.factor if (hour - self.from_hour) % 24 < length else 1.0


class SimProvider(msgspec.Struct, frozen=True, kw_only=True):
    """A simulated provider. `pace` multiplies a model's tokens per second, `lag` its time to first token.

    `also` are further protocols it speaks. `off_peak` halves its prices between two minutes of the UTC day;
    `long_prompt` doubles the prompt price above so many tokens. It keeps prompts cached for `cache_ttl_s`;
    when that is None it does not say for how long.
    """

    slug: str
    name: str
    dialect: str
    pace: float
    lag: float
    peak: Peak
    also: tuple[str, ...] = ()
    off_peak: tuple[int, int] | None = None
    long_prompt: int | None = None
    data_policy: DataPolicy = DataPolicy(trains=False, retains=False)
    quantization: str | None = None
    cache_ttl_s: int | None = None


class Serving(msgspec.Struct, frozen=True):
    """A provider serves a model at so many thousandths of its list price, and fails in these ways at these rates."""

    provider: str
    permille: int
    faults: dict[str, float] = {}


class SimModel(msgspec.Struct, frozen=True, kw_only=True):
    """A simulated model: list price (`request` for each), median time to first token, speed, manners, who serves it."""

    id: str
    name: str
    description: str
    prompt: int
    completion: int
    request: int = 0
    task: Task = "generate"
    ttft_s: float
    tokens_per_s: float
    servings: tuple[Serving, ...]
    context: int = 262_144
    max_output: int = 32_768
    thinks: bool = False
    calls_tools: bool = False


PROVIDERS: tuple[SimProvider, ...] = (
    SimProvider(
        slug="sim-aurora",
        name="Aurora (simulated)",
        dialect="openai_chat",
        also=("openai_completions", "openai_embeddings", "cohere_rerank"),
        pace=1.2,
        lag=0.8,
        peak=Peak(13, 21, 1.6),
        cache_ttl_s=3_600,
    ),
    SimProvider(
        slug="sim-borealis",
        name="Borealis (simulated)",
        dialect="anthropic_messages",
        pace=1.0,
        lag=1.0,
        peak=Peak(8, 17, 1.4),
        cache_ttl_s=300,
    ),
    SimProvider(
        slug="sim-cinder",
        name="Cinder (simulated)",
        dialect="openai_chat",
        pace=0.8,
        lag=1.5,
        peak=Peak(0, 8, 2.0),
        cache_ttl_s=7_200,
        off_peak=(990, 30),
        quantization="fp8",
    ),
    SimProvider(
        slug="sim-drift",
        name="Drift (simulated)",
        dialect="anthropic_messages",
        pace=0.7,
        lag=1.8,
        peak=Peak(20, 4, 1.8),
        cache_ttl_s=300,
        data_policy=DataPolicy(trains=True, retains=True, retention_days=30),
    ),
    SimProvider(
        slug="sim-ember",
        name="Ember (simulated)",
        dialect="openai_chat",
        pace=2.5,
        lag=0.5,
        peak=Peak(14, 22, 1.3),
        quantization="fp4",
    ),
    SimProvider(
        slug="sim-fjord",
        name="Fjord (simulated)",
        dialect="openai_chat",
        pace=1.0,
        lag=1.2,
        peak=Peak(6, 12, 1.5),
        long_prompt=32_000,
        data_policy=DataPolicy(trains=False, retains=True, retention_days=7),
    ),
    SimProvider(
        slug="sim-gale",
        name="Gale (simulated)",
        dialect="anthropic_messages",
        pace=1.4,
        lag=0.9,
        peak=Peak(22, 6, 1.7),
        cache_ttl_s=300,
        off_peak=(0, 360),
    ),
    SimProvider(
        slug="sim-harbor",
        name="Harbor (simulated)",
        dialect="openai_chat",
        also=("openai_embeddings", "cohere_rerank"),
        pace=1.1,
        lag=1.0,
        peak=Peak(15, 19, 1.2),
        cache_ttl_s=3_600,
    ),
    SimProvider(
        slug="sim-isle",
        name="Isle (simulated)",
        dialect="openai_responses",
        pace=1.3,
        lag=0.9,
        peak=Peak(14, 20, 1.4),
        cache_ttl_s=3_600,
        data_policy=DataPolicy(trains=False, retains=True, retention_days=30),
    ),
    SimProvider(
        slug="sim-jetty",
        name="Jetty (simulated)",
        dialect="gemini_generate",
        also=("gemini_embeddings",),
        pace=1.8,
        lag=0.7,
        peak=Peak(16, 23, 1.5),
        long_prompt=128_000,
    ),
)


def _only(word: str, provider: str, protocol: str) -> SimModel:
    """Write the row of a model that one provider alone serves, so that its protocol is sure to be spoken."""
    return SimModel(
        id=f"sandbox/{word}-only",
        name=f"Sandbox {word.capitalize()} Only (simulated)",
        description=f"Simulated: served in {protocol} and nothing else; thinks, and calls the tools it is offered.",
        prompt=20 * _CENT,
        completion=80 * _CENT,
        ttft_s=0.2,
        tokens_per_s=200.0,
        servings=(Serving(provider, 1000),),
        thinks=True,
        calls_tools=True,
    )


MODELS: tuple[SimModel, ...] = (
    SimModel(
        id="sandbox/fast",
        name="Sandbox Fast (simulated)",
        description="Simulated: short answers, quickly and cheaply, with the occasional failure of a real market.",
        prompt=10 * _CENT,
        completion=40 * _CENT,
        ttft_s=0.25,
        tokens_per_s=120.0,
        servings=(
            Serving("sim-aurora", 1000),
            Serving("sim-borealis", 950, {"429": 0.01}),
            Serving("sim-cinder", 600, {"500": 0.02, "429": 0.03}),
            Serving("sim-ember", 1300, {"503": 0.01}),
            Serving("sim-gale", 900, {"hang": 0.005}),
            Serving("sim-harbor", 1100),
            Serving("sim-isle", 1150),
            Serving("sim-jetty", 1060),
        ),
    ),
    SimModel(
        id="sandbox/coder",
        name="Sandbox Coder (simulated)",
        description="Simulated: calls the tools it is offered with arguments that fit their schemas, then sums up.",
        prompt=60 * _CENT,
        completion=240 * _CENT,
        ttft_s=0.5,
        tokens_per_s=80.0,
        calls_tools=True,
        servings=(
            Serving("sim-aurora", 1000),
            Serving("sim-borealis", 1050),
            Serving("sim-drift", 700, {"503": 0.02}),
            Serving("sim-fjord", 850, {"429": 0.02}),
            Serving("sim-harbor", 1000),
            Serving("sim-isle", 1100),
            Serving("sim-jetty", 950),
        ),
    ),
    SimModel(
        id="sandbox/thinker",
        name="Sandbox Thinker (simulated)",
        description="Simulated: thinks aloud before it answers.",
        prompt=110 * _CENT,
        completion=440 * _CENT,
        ttft_s=0.8,
        tokens_per_s=60.0,
        thinks=True,
        servings=(
            Serving("sim-borealis", 1000),
            Serving("sim-cinder", 650, {"500": 0.02}),
            Serving("sim-ember", 1400),
            Serving("sim-gale", 950),
            Serving("sim-harbor", 1050),
            Serving("sim-isle", 1100),
            Serving("sim-jetty", 1000),
        ),
    ),
    SimModel(
        id="sandbox/steady",
        name="Sandbox Steady (simulated)",
        description="Simulated: every endpoint is sound; what fails here, the gateway broke.",
        prompt=25 * _CENT,
        completion=100 * _CENT,
        ttft_s=0.3,
        tokens_per_s=100.0,
        servings=(
            Serving("sim-aurora", 1000),
            Serving("sim-borealis", 980),
            Serving("sim-ember", 1200),
            Serving("sim-gale", 900),
            Serving("sim-harbor", 1040),
        ),
    ),
    SimModel(
        id="sandbox/storm",
        name="Sandbox Storm (simulated)",
        description="Simulated: the cheapest endpoints are broken, each in its own way, before the first word.",
        prompt=20 * _CENT,
        completion=80 * _CENT,
        ttft_s=0.3,
        tokens_per_s=90.0,
        servings=(
            Serving("sim-cinder", 400, {"500": 0.2, "503": 0.1, "garbage": 0.1}),
            Serving("sim-drift", 450, {"200_error": 0.2, "wrong_content_type": 0.1, "empty": 0.1}),
            Serving("sim-ember", 500, {"cut": 0.2, "reset": 0.1, "half_response": 0.1}),
            Serving("sim-fjord", 550, {"429": 0.3, "bad_chunking": 0.1}),
            Serving("sim-gale", 600, {"hang": 0.05, "slow_drip": 0.05, "429": 0.1}),
            Serving("sim-aurora", 800),
            Serving("sim-borealis", 950),
            Serving("sim-harbor", 1000),
        ),
    ),
    SimModel(
        id="sandbox/flaky",
        name="Sandbox Flaky (simulated)",
        description="Simulated: endpoints that break off in the middle of answers, which no gateway can hide.",
        prompt=15 * _CENT,
        completion=60 * _CENT,
        ttft_s=0.3,
        tokens_per_s=90.0,
        servings=(
            Serving("sim-aurora", 1000),
            Serving("sim-cinder", 700, {"cut_late": 0.1}),
            Serving("sim-drift", 750, {"200_error_late": 0.1}),
            Serving("sim-ember", 800, {"stall": 0.03, "cut_late": 0.03}),
            Serving("sim-gale", 850, {"cut_late": 0.05, "half_response": 0.05}),
        ),
    ),
    _only("chat", "sim-harbor", "OpenAI's chat completions"),
    _only("messages", "sim-borealis", "Anthropic's messages"),
    _only("responses", "sim-isle", "OpenAI's Responses"),
    _only("gemini", "sim-jetty", "Gemini's generateContent"),
    SimModel(
        id="sandbox/embed",
        name="Sandbox Embed (simulated)",
        description="Simulated: gives the same text the same vector, which means nothing.",
        prompt=2 * _CENT,
        completion=0,
        task="embed",
        ttft_s=0.05,
        tokens_per_s=1000.0,
        servings=(Serving("sim-aurora", 1000), Serving("sim-harbor", 1100), Serving("sim-jetty", 1200)),
        context=8192,
    ),
    SimModel(
        id="sandbox/rerank",
        name="Sandbox Rerank (simulated)",
        description="Simulated: ranks documents by how many words of the query they have; paid by the search.",
        prompt=0,
        completion=0,
        request=2_000_000,
        task="rerank",
        ttft_s=0.05,
        tokens_per_s=1000.0,
        servings=(Serving("sim-aurora", 1000), Serving("sim-harbor", 1100)),
        context=8192,
    ),
)

PROVIDER_BY_SLUG: dict[str, SimProvider] = {row.slug: row for row in PROVIDERS}
MODEL_BY_ID: dict[str, SimModel] = {row.id: row for row in MODELS}
