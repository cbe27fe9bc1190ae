"""The shapes of the catalogue's rows.

Prices are integers: nano-dollars per million tokens (so 0.30 USD per million is 300_000_000), per request or per unit.
"""

import re
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from wideband.canon.request import Task
from wideband.catalog.naming import model_name

AuthStyle = Literal["bearer", "x-api-key", "x-goog-api-key", "api-key", "aws-sigv4", "google-adc", "none"]
# How requests are packed where a platform serves somebody else's protocol in its own way.
Carriage = Literal["bedrock", "vertex"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

NANO = 1_000_000_000

# What clients put behind a model's name: the context they count on ("[1m]"), the date of a version, "latest".
_VARIED = re.compile(r"(?:[-@]20\d{6}|-20\d\d-\d\d-\d\d|-latest|\[[^\]]*\])+$")

_TASKS: dict[str, Task] = {"embeddings": "embed", "rerank": "rerank"}


class Rates(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What things cost, in nano-dollars per million tokens; `request` per request, `image` per input image.

    None means no price of its own: cached and written tokens then cost what a prompt token costs (an hour's write
    what any write costs), reasoning and audio what their direction costs.
    """

    prompt: int = 0
    completion: int = 0
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None
    audio_prompt: int | None = None
    audio_completion: int | None = None
    image_completion: int | None = None
    request: int = 0
    image: int = 0


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """Replacement rates under conditions, all of which must hold; a later override wins key by key.

    `min_prompt_tokens` is exceeded strictly. `utc_start` and `utc_end` are minutes of the UTC day, half-open, and may
    wrap midnight. `utc_days` are weekdays of the request's UTC instant.
    """

    rates: dict[str, int]
    min_prompt_tokens: int | None = None
    utc_start: int | None = None
    utc_end: int | None = None
    utc_days: tuple[Weekday, ...] = ()


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """Base rates and the times and lengths at which others apply."""

    base: Rates
    overrides: tuple[Override, ...] = ()


class DataPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says it does with prompts: None is unknown and read as the worse answer by filters."""

    trains: bool | None = None
    retains: bool | None = None
    retention_days: int | None = None


class Voice(msgspec.Struct, frozen=True, kw_only=True):
    """A dialect that a provider speaks beside its first; what is None is as in the provider's own row."""

    base_url: str | None = None
    auth: AuthStyle | None = None
    quirks: frozenset[str] = frozenset()


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who serves models.

    `base_url` may hold `{NAME}` fields filled from the environment (Azure's resource). `key_env` lists variables, the
    first set one wins. `dialect` is the one it is asked in when the caller's own is none it speaks; `also` are the
    others. `by_author` gives the models of an author a dialect of their own, in which no other's are asked. `carriage`
    names how its platform packs requests. `cache_ttl_s` is how long it keeps a prompt cached after its last use (None:
    it does not say). `stops_billing` says that a stream costs nothing more once its connection is closed. `local` marks
    servers found on this machine; `simulated` the sandbox.
    """

    slug: str
    name: str
    dialect: str
    base_url: str
    auth: AuthStyle = "bearer"
    key_env: tuple[str, ...] = ()
    key: str | None = None
    headers: dict[str, str] = {}
    quirks: frozenset[str] = frozenset()
    also: dict[str, Voice] = {}
    by_author: dict[str, str] = {}
    carriage: Carriage | None = None
    data_policy: DataPolicy = DataPolicy()
    headquarters: str | None = None
    datacenters: tuple[str, ...] = ()
    privacy_policy_url: str | None = None
    terms_of_service_url: str | None = None
    status_page_url: str | None = None
    cache_ttl_s: int | None = None
    stops_billing: bool = False
    local: bool = False
    simulated: bool = False

    def dialects(self, model: str) -> tuple[str, ...]:
        """Return the dialects in which a model can be asked here, the preferred one first."""
        if not self.by_author:
            return (self.dialect, *self.also)
        own = self.by_author.get(model.partition("/")[0])
        if own is not None:
            return (own,)
        return tuple(name for name in (self.dialect, *self.also) if name not in self.by_author.values())


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model whoever serves it; `id` is `author/slug`, `created_s` unix seconds.

    `input_modalities` None means unknown: every kind of input is let through, and the provider has the last word.
    """

    id: str
    name: str
    description: str = ""
    created_s: int = 0
    context_length: int | None = None
    max_output: int | None = None
    input_modalities: tuple[str, ...] | None = None
    output_modalities: tuple[str, ...] = ("text",)
    supported_parameters: tuple[str, ...] = ()
    tokenizer: str = "Other"
    open_weights: bool | None = None
    knowledge_cutoff: str | None = None
    hugging_face_id: str | None = None
    reasoning: bool = False
    simulated: bool = False

    @property
    def author(self) -> str:
        return self.id.partition("/")[0]

    @property
    def task(self) -> Task:
        """What it can be asked to do, by what it answers with."""
        return next((_TASKS[kind] for kind in self.output_modalities if kind in _TASKS), "generate")


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A model at a provider: what a request is sent to.

    `id` is a UUID derived from provider, model and tag. `tag` is the routable slug, `provider[/suffix]`.
    `supported_parameters` and `input_modalities` None mean unknown: every parameter and every kind of input is let
    through. `cache_ttl_s` None means that prompts stay cached as long as the provider says. `own_key` is the id of the
    account's own provider key with which it is asked: `id` is then its row's and the key's.
    """

    id: str
    provider: Provider
    model: str
    upstream_model: str
    tag: str
    price: Price
    context_length: int | None = None
    max_output: int | None = None
    quantization: str | None = None
    input_modalities: tuple[str, ...] | None = None
    supported_parameters: frozenset[str] | None = None
    quirks: frozenset[str] = frozenset()
    cache_ttl_s: int | None = None
    simulated: bool = False
    own_key: str | None = None

    @property
    def row_id(self) -> str:
        """The id by which everybody knows it, whoever's key it is asked with."""
        return self.id if self.own_key is None else self.id[: -len(self.own_key) - 1]

    def quirks_in(self, dialect: str) -> frozenset[str]:
        """Return the quirks that hold when it is asked in one of its provider's dialects."""
        voice = self.provider.also.get(dialect)
        return (self.provider.quirks if voice is None else voice.quirks) | self.quirks


class EndpointRow(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint before it is joined with its provider and model; what is None is taken from them."""

    provider: str
    model: str
    upstream_model: str
    tag: str
    price: Price
    context_length: int | None = None
    max_output: int | None = None
    quantization: str | None = None
    input_modalities: tuple[str, ...] | None = None
    supported_parameters: frozenset[str] | None = None
    quirks: frozenset[str] = frozenset()
    cache_ttl_s: int | None = None
    simulated: bool = False


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """Every row of one instant. `endpoints` is by model id.

    `aliases` maps names to model ids; a name may hold `*`, of several that fit the first counts, and a `*` alone is for
    what nothing else is. `native` maps the names that providers themselves give to models, where they leave no doubt,
    `latest` those of families (`~author/family-latest`).
    """

    providers: dict[str, Provider]
    models: dict[str, Model]
    endpoints: dict[str, tuple[Endpoint, ...]]
    aliases: dict[str, str] = {}
    native: dict[str, str] = {}
    latest: dict[str, str] = {}

    def bears(self, name: str) -> bool:
        """Say whether something bears this very name, as it is written."""
        return name in self.models or name in self.aliases or name in self.native or name in self.latest

    def resolve(self, name: str) -> str | None:
        """Return the model id a name stands for, or None when nothing does."""
        if name in self.models:
            return name
        return self.aliases.get(name) or self.latest.get(name) or self._fitting(name)

    def _fitting(self, name: str) -> str | None:
        """Find a name as clients vary it: with a date, with "-latest", with a note for the client in brackets."""
        plain = _VARIED.sub("", name.removeprefix("models/"))
        forms = (id_ for form, id_ in self.aliases.items() if "*" in form and form != "*" and fnmatchcase(name, form))
        named = model_name(plain)
        found = (
            self.aliases.get(plain)
            or next(forms, None)
            or self.native.get(name)
            or self.native.get(plain)
            or (plain if plain in self.models else None)
        )
        if found is None and named is not None and named.id in self.models:
            found = named.id
        return found or self.aliases.get("*")
