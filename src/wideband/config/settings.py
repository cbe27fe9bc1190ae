"""Settings: what runs where and within which limits. Flags win over `WIDEBAND_*`, those over the file, it over ours."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from wideband.accounts.people import OidcTerms, SiteTerms
from wideband.catalog.reading import unknown_tables
from wideband.catalog.tables import Place, Problem, nearest, read_fields
from wideband.config.entrance import check_entrance
from wideband.config.errors import ConfigError, Fix, located
from wideband.config.outside import environment, read_toml
from wideband.routing.auto import CHOOSERS, Tier
from wideband.routing.policy import Policy, Weights
from wideband.routing.preferences import SORTS
from wideband.store.keeping import Keeping

FILE_NAME = "wideband.toml"

Positive = Annotated[int, msgspec.Meta(ge=1)]
Natural = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """How long what may take, in seconds; `client_s` is how long a client may leave unread what it was sent."""

    connect_s: Seconds = 10.0
    first_token_s: Seconds = 60.0
    inter_token_s: Seconds = 60.0
    total_s: Seconds = 1800.0
    keepalive_s: Seconds = 8.0
    client_s: Seconds = 60.0
    drain_s: Seconds = 30.0


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what is allowed; `body_s` is the time to receive a request's body in."""

    max_body_bytes: Positive = 32 * 1024 * 1024
    max_header_bytes: Positive = 64 * 1024
    body_s: Seconds = 30.0
    max_tries: Positive = 6
    max_open_requests: Positive = 10_000


class Holds(msgspec.Struct, frozen=True, kw_only=True):
    """What is set aside for a request that does not say how long its answer may be, and for how long at most."""

    default_output_tokens: Positive = 4096
    hold_s: Seconds = 3600.0


class ResponseCache(msgspec.Struct, frozen=True, kw_only=True):
    """How much the answers may take that callers ask to have kept (`X-OpenRouter-Cache`); 0 keeps none."""

    max_bytes: Natural = 256 * 1024 * 1024


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """Whose prompts and answers are kept, for how many days, and how much of each; "keys" are names or hashes."""

    keep: Literal["none", "keys", "all"] = "none"
    keys: tuple[str, ...] = ()
    days: Positive = 7
    max_bytes: Positive = 1024 * 1024


class Byok(msgspec.Struct, frozen=True, kw_only=True):
    """What a request costs that is asked with an account's own provider key: thousandths of the provider's price."""

    fee_permille: Natural = 0


class Sandbox(msgspec.Struct, frozen=True, kw_only=True):
    """The simulated market: "auto" shows it while no real provider is usable."""

    mode: Literal["auto", "on", "off"] = "auto"
    seed: int = 0
    speedup: Seconds = 1.0


class UpstreamChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Which HTTP client calls providers: "raw", ours and cheap, or "aiohttp" (docs/decisions/0003)."""

    client: Literal["raw", "aiohttp"] = "raw"


class AutoModels(msgspec.Struct, frozen=True, kw_only=True):
    """How `wideband/auto` chooses: who does, and the cost tier of requests that name none."""

    chooser: str = "rules"
    cost_tier: Tier = "low"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set. Port 0 takes any free port; `home` holds databases and caches."""

    home: Path
    config_file: Path | None = None
    host: str = "127.0.0.1"
    port: Port = 8484
    workers: Positive = 1
    deadlines: Deadlines = Deadlines()
    limits: Limits = Limits()
    holds: Holds = Holds()
    routing: Policy = Policy()
    response_cache: ResponseCache = ResponseCache()
    content: Content = Content()
    byok: Byok = Byok()
    sandbox: Sandbox = Sandbox()
    upstream: UpstreamChoice = UpstreamChoice()
    auto: AutoModels = AutoModels()
    analytics: Keeping = Keeping()
    site: SiteTerms = SiteTerms()
    oidc: OidcTerms = OidcTerms()


class _Server(msgspec.Struct, frozen=True, kw_only=True):
    host: str
    port: Port
    workers: Positive


_SECTIONS: dict[str, type[msgspec.Struct]] = {
    "server": _Server,
    "deadlines": Deadlines,
    "limits": Limits,
    "holds": Holds,
    "routing": Policy,
    "response_cache": ResponseCache,
    "content": Content,
    "byok": Byok,
    "sandbox": Sandbox,
    "upstream": UpstreamChoice,
    "auto": AutoModels,
    "analytics": Keeping,
    "site": SiteTerms,
    "oidc": OidcTerms,
}
ROW_TABLES = ("provider", "model", "endpoint", "preset", "aliases")


def load_settings(
    *,
    config_file: Path | str | None = None,
    home: Path | str | None = None,
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Read settings from flags, the environment and a file, in that order. Raises `ConfigError`.

    The file is the one named, else ./wideband.toml, else <home>/wideband.toml, if there is one.
    """
    env = environment(environ)
    home = Path(home or env.get("WIDEBAND_HOME") or Path.home() / ".wideband").expanduser().absolute()
    file = _config_file(config_file or env.get("WIDEBAND_CONFIG"), home)
    values: dict[str, Any] = {}
    if file is not None:
        document, text = read_toml(file)
        values, problems = read_sections(document)
        if problems:
            raise ConfigError(located(problems, file, text))
    server = values.pop("server", {}) | _from_environment(env)
    server |= _checked({"host": host, "port": port, "workers": workers}, "--{}")
    sections: dict[str, Any] = {name: _SECTIONS[name](**given) for name, given in values.items()}
    return Settings(home=home, config_file=file, **server, **sections)


def read_sections(document: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], list[Problem]]:
    """Return the settings of a parsed file by section, and what is wrong with them."""
    problems = unknown_tables(document, (*_SECTIONS, *ROW_TABLES))
    values: dict[str, dict[str, Any]] = {}
    for name, kind in _SECTIONS.items():
        table = document.get(name, {})
        place = Place(table=name, nth=0, problems=problems)
        if not isinstance(table, Mapping):
            place.note("", f"must be a table: write `[{name}]`")
        elif name == "routing":
            values[name] = _read_routing(table, place)
        else:
            values[name] = read_fields(table, kind, place)
    _check_hold(values, problems)
    _check_chooser(values, problems)
    check_entrance(values, problems)
    return values, problems


def _read_routing(table: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """Return the fields of `[routing]`, with the weights that are in a table of their own."""
    values = read_fields({key: value for key, value in table.items() if key != "weights"}, Policy, place)
    ranker = values.get("ranker")
    if ranker is not None and ranker not in SORTS:
        place.note("ranker", f"`{ranker}` is no ranker{nearest(ranker, SORTS)}")
    weights = table.get("weights", {})
    if not isinstance(weights, Mapping):
        place.note("weights", "must be a table: write `[routing.weights]`")
        return values
    own = Place(table=place.table, nth=0, problems=[])
    values["weights"] = Weights(**read_fields(weights, Weights, own))
    for problem in own.problems:
        place.note(f"weights.{problem.field}", problem.text)
    return values


def _check_hold(values: dict[str, dict[str, Any]], problems: list[Problem]) -> None:
    """See to it that no hold ends before its request can: what is settled after its hold has expired is not charged."""
    total_s = values.get("deadlines", {}).get("total_s", Deadlines().total_s)
    hold_s = values.get("holds", {}).get("hold_s", Holds().hold_s)
    if hold_s <= total_s:
        section = "holds" if "hold_s" in values.get("holds", {}) else "deadlines"
        text = f"a hold ({hold_s:g} s) must outlive the longest request ({total_s:g} s): raise holds.hold_s above it"
        Place(table=section, nth=0, problems=problems).note("hold_s" if section == "holds" else "total_s", text)


def _check_chooser(values: dict[str, dict[str, Any]], problems: list[Problem]) -> None:
    name = values.get("auto", {}).get("chooser", "rules")
    if name not in CHOOSERS:
        text = f"`{name}` is no chooser{nearest(name, CHOOSERS)}"
        Place(table="auto", nth=0, problems=problems).note("chooser", text)


def _config_file(named: Path | str | None, home: Path) -> Path | None:
    if named:
        file = Path(named).expanduser().absolute()
        if not file.is_file():
            raise ConfigError([Fix(file, 0, "", "", "there is no such file")])
        return file
    return next((file for file in (Path.cwd() / FILE_NAME, home / FILE_NAME) if file.is_file()), None)


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    return _checked(
        {field.name: env.get(f"WIDEBAND_{field.name.upper()}") or None for field in msgspec.structs.fields(_Server)},
        "WIDEBAND_{}",
    )


def _checked(given: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return the values that are given, as their fields' types. Raises `ConfigError`, which names the source."""
    values: dict[str, Any] = {}
    fixes: list[Fix] = []
    for field in msgspec.structs.fields(_Server):
        value = given[field.name]
        if value is None:
            continue
        try:
            # A variable is text, so "9000" must do for a port.
            values[field.name] = msgspec.convert(value, field.type, strict=False)
        except msgspec.ValidationError as error:
            name = source.format(field.name.upper() if source.startswith("WIDEBAND") else field.name)
            fixes.append(Fix(name, 0, "", "", f"`{value}` will not do: {error}"))
    if fixes:
        raise ConfigError(fixes)
    return values
