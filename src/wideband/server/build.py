"""The composition root: puts the rooms together from settings. Nothing else knows all of them."""

from collections.abc import Callable
from dataclasses import dataclass

from wideband import __version__
from wideband.catalog.presets import Shelf
from wideband.config import Market, Settings
from wideband.gateway.candidates import Candidates
from wideband.gateway.exchange import Exchange, Terms
from wideband.gateway.listening import Listening
from wideband.routing.health import Health
from wideband.server.app import App
from wideband.server.entrance import door
from wideband.server.inference import Inference
from wideband.server.management import Management
from wideband.server.metrics import Metrics
from wideband.site.app import site
from wideband.site.pulse import Pulse
from wideband.site.turns import Turns
from wideband.site.visit import House
from wideband.store.base import Ledger
from wideband.store.contents import Contents
from wideband.store.ownkeys import OwnKeyRoom
from wideband.store.people import PeopleRoom
from wideband.store.presets import PresetRoom
from wideband.store.replies import Replies
from wideband.store.shares import ShareFile
from wideband.upstream.base import Upstream


@dataclass
class Parts:
    """A gateway that is ready to serve, and what its process has to look after."""

    app: App
    exchange: Exchange
    metrics: Metrics
    presets: PresetRoom
    own_keys: OwnKeyRoom
    people: PeopleRoom
    pulse: Pulse
    turns: Turns

    def close(self) -> None:
        """Close the files it has opened in the home, but the ledger's."""
        self.presets.close()
        self.own_keys.close()
        self.people.close()
        if self.exchange.replies is not None:
            self.exchange.replies.close()
        if self.exchange.contents is not None:
            self.exchange.contents.close()


def build(
    settings: Settings,
    market: Market,
    ledger: Ledger,
    upstream: Upstream,
    *,
    metrics_text: Callable[[Metrics, Exchange], str],
) -> Parts:
    """Assemble the application of one process."""
    metrics = Metrics()
    presets = PresetRoom(settings.home, Shelf(market.presets))
    own_keys = OwnKeyRoom(settings.home)
    contents = Contents(settings.home, settings.content.days)
    # What was kept before goes in its time, also where no more is kept.
    contents.start()
    exchange = Exchange(
        catalogue=market.catalogue,
        provider_keys=market.provider_keys,
        ledger=ledger,
        upstream=upstream,
        health=Health(),
        observer=metrics,
        terms=terms(settings),
        policy=settings.routing,
        replies=replies(settings),
        contents=contents,
        listening=listening(settings, contents),
        own_keys=own_keys,
        known=market.known,
        presets=presets,
        auto=Candidates(ShareFile(settings.home), settings.auto.chooser, settings.auto.cost_tier),
    )
    limits = settings.limits
    inference = Inference(exchange, limits.max_body_bytes, limits.body_s, limits.max_open_requests)
    management = Management(exchange, lambda: metrics_text(metrics, exchange), presets)
    house = House(exchange, {"version": __version__, "home": str(settings.home), "url": settings.site.url.rstrip("/")})
    people = PeopleRoom(settings.home)
    pages = site(house, door(settings, house, people)) if settings.site.enabled else None
    return Parts(
        App(inference, management.app(), pages), exchange, metrics, presets, own_keys, people, house.pulse, house.turns
    )


def replies(settings: Settings) -> Replies | None:
    """Return the response cache, unless the settings allow none. Opens nothing before somebody asks for it."""
    max_bytes = settings.response_cache.max_bytes
    return Replies(settings.home, max_bytes) if max_bytes else None


def listening(settings: Settings, contents: Contents) -> Listening | None:
    """Return what keeps prompts and answers; None where the settings keep none."""
    content = settings.content
    if content.keep == "none":
        return None
    return Listening(contents, None if content.keep == "all" else frozenset(content.keys), content.max_bytes)


def terms(settings: Settings) -> Terms:
    """Return the terms of service that the settings ask for."""
    deadlines, holds = settings.deadlines, settings.holds
    return Terms(
        connect_s=deadlines.connect_s,
        first_token_s=deadlines.first_token_s,
        inter_token_s=deadlines.inter_token_s,
        total_s=deadlines.total_s,
        keepalive_s=deadlines.keepalive_s,
        max_tries=settings.limits.max_tries,
        default_output_tokens=holds.default_output_tokens,
        hold_s=holds.hold_s,
        byok_fee_permille=settings.byok.fee_permille,
    )
