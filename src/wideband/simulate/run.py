"""The run: requests in simulated time through the gateway's own planner, failover, health board and stickiness."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import chain
from random import Random

import msgspec

from wideband.canon.faults import Fault
from wideband.canon.usage import Usage
from wideband.catalog.rows import Catalogue, Endpoint, Rates
from wideband.clock import monotonic_s
from wideband.pricing import charge, resolve
from wideband.routing.failover import Failover
from wideband.routing.health import LEAST_PATIENCE_S, PROMPT_TOKENS_PER_S, Health
from wideband.routing.plan import plan
from wideband.routing.plans import Outcome, Plan, Preferences, Wish
from wideband.routing.policy import Policy, Weights
from wideband.routing.rankers import RANKERS
from wideband.routing.stickiness import LEAST_TOKENS, Sticky, lifetime_s, pays
from wideband.simulate.providers import MODEL, Answer, Staff
from wideband.simulate.rates import Rates as Cycle, daily
from wideband.simulate.rows import World
from wideband.simulate.score import Result, Score
from wideband.simulate.traffic import DAY_NS, SECOND_NS, Conversation, Traffic, conversations, recorded

# Who can compete: all but the caller's own order. The first one is what the others are compared with.
RANKED = tuple(name for name in RANKERS if name != "order")
MOST_TRIES = 6
FIRST_TOKEN_S = 60.0
_HOUR_NS = 3600 * SECOND_NS
_LOOK_UP_EVERY = 2000
_LEAST_PATIENCE_NS = int(LEAST_PATIENCE_S * SECOND_NS)
_TOOLS, _NOTHING = frozenset({"tools"}), frozenset[str]()

# Told how much of the run is done, a share; says whether to go on.
Watch = Callable[[float], bool]


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is made of. `cycle` None is the built-in day; `trace` requests stand in for drawn traffic.

    A trace's rows are nanoseconds since its start, prompt tokens and output tokens.
    """

    world: World
    ranker: str
    seed: int = 1
    weights: Weights = Weights()
    sticky: bool = True
    cycle: Cycle | None = None
    trace: tuple[tuple[int, int, int], ...] = ()

    @property
    def start_ns(self) -> int:
        """The instant at which the run begins, unix nanoseconds."""
        return DAY_NS + int(self.world.demand.start_hour * _HOUR_NS)

    @property
    def hours(self) -> float:
        """How long requests come."""
        if self.trace:
            return (self.trace[-1][0] + SECOND_NS) / _HOUR_NS
        return self.world.demand.hours

    def warm_up(self) -> Traffic:
        """Return what is asked of all providers in turn before anything counts; the numbers are negative."""
        demand = self.world.demand
        begin_ns = self.start_ns - int(demand.warm_up_s * SECOND_NS)
        for talk in self._drawn("warm-up", begin_ns, demand.warm_up_s / 3600):
            talk.number = ~talk.number
            yield talk

    def traffic(self) -> Traffic:
        """Return the requests, the same for every ranker."""
        if self.trace:
            return recorded(self.trace, self.start_ns, Random(f"traffic {self.seed}"))
        return self._drawn("traffic", self.start_ns, self.world.demand.hours)

    def _drawn(self, what: str, start_ns: int, hours: float) -> Traffic:
        demand = self.world.demand
        cycle = self.cycle or daily(demand.requests_per_s, demand.swing)
        return conversations(demand, cycle, start_ns, hours, Random(f"{what} {self.seed}"))


class _Request:
    """One request on its way: the turn that is up in a conversation."""

    __slots__ = ("answer", "asked_ns", "begun_ns", "endpoint", "flow", "score", "talk", "tried")

    def __init__(self, talk: Conversation, asked_ns: int, flow: Failover, score: Score) -> None:
        self.talk = talk
        self.asked_ns = asked_ns
        self.flow = flow
        self.score = score
        self.tried = 0
        self.endpoint: Endpoint
        self.begun_ns = 0
        self.answer: Answer


class _FirstToken(msgspec.Struct, frozen=True, gc=False):
    """The first token of an answer, of which more is to come."""

    endpoint_id: str
    ttft_ns: int


class Run:
    """One ranker in one market with one seed. The same setup always gives the same result, but for `wall_s`."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        world = setup.world
        staff = [Staff(row, setup.start_ns, setup.hours, setup.seed) for row in world.providers]
        self._staff = {each.endpoint.id: each for each in staff}
        endpoints = tuple(each.endpoint for each in staff)
        self._catalogue = Catalogue(providers={}, models={}, endpoints={MODEL: endpoints})
        self._policy = Policy(ranker=setup.ranker, weights=setup.weights)
        self._preferences = Preferences()
        self._draw = Random(f"run {setup.seed}")
        self.health = Health()
        self._sticky = Sticky() if setup.sticky else None
        self.score = Score(self._staff)
        self._unscored = Score(self._staff)
        # What is due when: a conversation's next turn; of a try that it is overdue (its endpoint), first token and end.
        self._agenda: list[tuple[int, int, Conversation | _Request | _FirstToken | str]] = []
        self._count = 0
        self.now_ns = setup.start_ns

    def go(self, watch: Watch | None = None) -> Result:
        """Run to the end, or until told to stop."""
        setup, agenda, began_s = self.setup, self._agenda, monotonic_s()
        traffic, steps, stopped = chain(setup.warm_up(), setup.traffic()), 0, False
        span_ns = setup.hours * _HOUR_NS
        self._next_of(traffic)
        while agenda:
            self.now_ns, _, what = heappop(agenda)
            if isinstance(what, _Request):
                self._ended(what)
            elif isinstance(what, _FirstToken):
                self.health.answering(what.endpoint_id, what.ttft_ns, self.now_ns)
            elif isinstance(what, str):
                self.health.overdue(what, self.now_ns)
            else:
                if not what.at:
                    self._next_of(traffic)
                self._asked(what)
            steps += 1
            if watch is not None and not steps % _LOOK_UP_EVERY:
                stopped = not watch(min(1.0, max(0.0, (self.now_ns - setup.start_ns) / span_ns)))
                if stopped:
                    break
        result = self.score.result(
            setup.ranker, setup.world.name, setup.seed, (setup.start_ns, self.now_ns), monotonic_s() - began_s
        )
        return msgspec.structs.replace(result, interrupted=True) if stopped else result

    def _next_of(self, traffic: Traffic) -> None:
        talk = next(traffic, None)
        if talk is not None:
            self._at(talk.begins_ns, talk)

    def _at(self, at_ns: int, what: Conversation | _Request | _FirstToken | str) -> None:
        self._count += 1
        heappush(self._agenda, (at_ns, self._count, what))

    def _asked(self, talk: Conversation) -> None:
        """Decide whom a request that comes in is sent to, and begin its first try."""
        is_warm_up = talk.number < 0
        chosen = self._in_turn(talk) if is_warm_up else self._planned(talk)
        flow = Failover(chosen, MOST_TRIES)
        first = flow.next()
        assert first is not None
        self._begin(_Request(talk, self.now_ns, flow, self._unscored if is_warm_up else self.score), first)

    def _in_turn(self, talk: Conversation) -> Plan:
        """Ask one provider after the other, whatever the ranker would do: so all begin with the same board."""
        endpoints = self._catalogue.endpoints[MODEL]
        at = talk.turns[talk.at].seed % len(endpoints)
        return Plan(endpoints=endpoints[at:] + endpoints[:at], funnel=(), strategy="", total=len(endpoints))

    def _planned(self, talk: Conversation) -> Plan:
        now_ns, turn = self.now_ns, talk.turns[talk.at]
        prompt_tokens = turn.prompt_tokens
        wish = Wish(
            models=(MODEL,),
            prompt_tokens=prompt_tokens,
            needs=_TOOLS if turn.calls_tools else _NOTHING,
            preferences=self._preferences,
            warm=None if self._sticky is None else self._sticky.find(talk.number, now_ns),
            policy=self._policy,
        )

        def rates_of(endpoint: Endpoint) -> Rates:
            return resolve(endpoint.price, now_ns, prompt_tokens)

        return plan(wish, self._catalogue, self.health, now_ns, turn.seed, rates_of)

    def _begin(self, request: _Request, endpoint: Endpoint) -> None:
        """Ask an endpoint."""
        now_ns, id_ = self.now_ns, endpoint.id
        request.score.try_begins(id_, now_ns)
        request.endpoint, request.begun_ns = endpoint, now_ns
        request.answer = answer = self._staff[id_].ask(
            request.talk, now_ns, int(FIRST_TOKEN_S * SECOND_NS), self._draw, again=request.tried > 0
        )
        request.tried += 1
        self.health.began(id_, now_ns)
        waits_ns = answer.ends_ns if answer.first_ns is None else answer.first_ns
        if waits_ns > _LEAST_PATIENCE_NS:
            reading_s = request.talk.turns[request.talk.at].prompt_tokens / PROMPT_TOKENS_PER_S
            patience_ns = int((self.health.patience_s(id_, now_ns) + reading_s) * SECOND_NS)
            if waits_ns > patience_ns:
                self._at(now_ns + patience_ns, id_)
        if answer.first_ns is not None and answer.first_ns < answer.ends_ns:
            self._at(now_ns + answer.first_ns, _FirstToken(id_, answer.first_ns))
        self._at(now_ns + answer.ends_ns, request)

    def _ended(self, request: _Request) -> None:
        """End a try: tell the health board, then the failover generator, unless something reached the client."""
        answer, endpoint = request.answer, request.endpoint
        request.score.try_ends(endpoint.id, request.begun_ns, answer.fault)
        if answer.first_ns is not None:
            self._served(request)
            return
        fault = answer.fault
        assert fault is not None
        self.health.observe(Outcome(endpoint_id=endpoint.id, at_ns=self.now_ns, fault=fault))
        request.flow.refused(endpoint, fault)
        again = request.flow.next()
        if again is None:
            self._closed(request, request.flow.last_word())
            return
        request.score.failovers += 1
        self._begin(request, again)

    def _served(self, request: _Request) -> None:
        """Charge an answer, or the beginning of one that broke off, and learn from it."""
        answer, endpoint, talk, now_ns = request.answer, request.endpoint, request.talk, self.now_ns
        turn = talk.turns[talk.at]
        prompt, cached, first_ns = turn.prompt_tokens, answer.cached_tokens, answer.first_ns or 0
        rates = resolve(endpoint.price, request.asked_ns, prompt)
        usage = Usage(
            prompt_tokens=prompt,
            completion_tokens=answer.tokens,
            cached_tokens=cached,
            cache_write_tokens=answer.written_tokens,
        )
        charged = charge(rates, usage)
        self.health.observe(
            Outcome(
                endpoint_id=endpoint.id,
                at_ns=now_ns,
                fault=answer.fault,
                ttft_ns=first_ns,
                wait_told=first_ns < answer.ends_ns,
                generation_ns=answer.ends_ns - first_ns,
                prompt_tokens=prompt,
                cached_tokens=cached,
                completion_tokens=answer.tokens,
                charged_nano=charged.total_nano,
                tool_calls=("schema_mismatch" if answer.bad_call else "valid") if turn.calls_tools else None,
            )
        )
        request.score.charged(endpoint, prompt, answer, charged)
        if answer.fault is None:
            cacheable = talk.turns[talk.at - 1].prompt_tokens if talk.at else 0
            waited_ns = request.begun_ns - request.asked_ns + first_ns
            request.score.finished(endpoint.id, turn, answer, waited_ns, cacheable)
            if self._sticky is not None and prompt >= LEAST_TOKENS and pays(rates):
                self._sticky.note(talk.number, endpoint.id, prompt, now_ns, lifetime_s(endpoint, None))
        self._closed(request, answer.fault)

    def _closed(self, request: _Request, fault: Fault | None) -> None:
        """End a request for its client; a conversation goes on after a pause, whatever came of this turn."""
        request.score.requests += 1
        if fault is not None:
            request.score.client_faults[fault.kind.value] += 1
        talk = request.talk
        pause_ns = talk.turns[talk.at].pause_ns
        talk.at += 1
        if talk.at < len(talk.turns) and not (talk.number < 0 and self.now_ns >= self.setup.start_ns):
            self._at(self.now_ns + pause_ns, talk)
        elif talk.at > 1:
            for staff in self._staff.values():
                staff.forget(talk)
