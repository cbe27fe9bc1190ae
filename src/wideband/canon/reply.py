"""A whole answer, and the two ways between it and its events."""

import msgspec

from wideband.canon.events import (
    Counted,
    Event,
    Failed,
    Finished,
    FinishReason,
    Logprobs,
    OpaqueDelta,
    ReasoningDelta,
    ReasoningSealed,
    RefusalDelta,
    Started,
    TextDelta,
    ToolArgs,
    ToolOpened,
)
from wideband.canon.faults import Fault
from wideband.canon.request import Json, Opaque, Part, Reasoning, Refusal, Text, ToolCall
from wideband.canon.usage import Usage


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One of the answers asked for; parts stand in the order in which the model said them."""

    index: int = 0
    parts: tuple[Part, ...] = ()
    finish: FinishReason | None = None
    native_finish: str | None = None
    stop_sequence: str | None = None
    logprobs: Json = None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A complete answer; `fault` is set when it broke off after some output."""

    id: str | None = None
    model: str | None = None
    created_s: int | None = None
    choices: tuple[Choice, ...] = ()
    usage: Usage | None = None
    fault: Fault | None = None
    extras: dict[str, Json] = {}


class _Draft:
    """A choice while its events come in."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.slots: list[tuple[str, int, list[str], dict[str, Json]]] = []
        self.logprobs: dict[str, Json] | None = None
        self.end: Finished | None = None

    def slot(self, kind: str, key: int) -> tuple[list[str], dict[str, Json]]:
        """Return the open slot for a part: text continues the last one, blocks and tools are found by key."""
        continues_last_only = kind in {"text", "refusal"}
        for at in range(len(self.slots) - 1, -1, -1):
            held_kind, held_key, pieces, facts = self.slots[at]
            if held_kind == kind and held_key == key:
                return pieces, facts
            if continues_last_only:
                break
        self.slots.append((kind, key, [], {}))
        return self.slots[-1][2], self.slots[-1][3]

    def choice(self) -> Choice:
        return Choice(
            index=self.index,
            parts=tuple(_part(kind, "".join(pieces), facts) for kind, _, pieces, facts in self.slots),
            finish=self.end.reason if self.end else None,
            native_finish=self.end.native if self.end else None,
            stop_sequence=self.end.stop_sequence if self.end else None,
            logprobs=self.logprobs,
        )


def _part(kind: str, text: str, facts: dict[str, Json]) -> Part:
    match kind:
        case "text":
            return Text(text=text)
        case "refusal":
            return Refusal(text=text)
        case "tool":
            return ToolCall(id=facts["id"], name=facts["name"], arguments=text, custom=facts.get("custom", False))
        case "opaque":
            return Opaque(dialect=facts["dialect"], kind=facts["kind"], raw=facts["raw"])
        case _:
            return Reasoning(
                text=text,
                signature=facts.get("signature"),
                data=facts.get("data"),
                summary=facts.get("summary", False),
                format=facts.get("format"),
                id=facts.get("id"),
            )


def fold(events: list[Event]) -> Reply:
    """Put the events of one answer together into the answer; what follows a `Failed` is not read."""
    drafts: dict[int, _Draft] = {}
    started = Started()
    usage: Usage | None = None
    fault: Fault | None = None
    for event in events:
        match event:
            case Started():
                started = event
            case Counted(found):
                usage = found if usage is None else _later(usage, found)
            case Failed(found_fault):
                fault = found_fault
                break
            case _:
                draft = drafts.get(event.choice)
                if draft is None:
                    draft = drafts[event.choice] = _Draft(event.choice)
                _take(draft, event)
    return Reply(
        id=started.id,
        model=started.model,
        created_s=started.created_s,
        choices=tuple(drafts[index].choice() for index in sorted(drafts)),
        usage=usage,
        fault=fault,
        extras=started.extras,
    )


def _later(held: Usage, new: Usage) -> Usage:
    """Let new counts win field by field; a count the provider leaves out later stays what it was."""
    return Usage(**(msgspec.structs.asdict(held) | {k: v for k, v in msgspec.structs.asdict(new).items() if v}))


def _take(draft: _Draft, event: Event) -> None:
    match event:
        case TextDelta():
            draft.slot("text", 0)[0].append(event.text)
        case RefusalDelta():
            draft.slot("refusal", 0)[0].append(event.text)
        case ReasoningDelta() | ReasoningSealed():
            _take_reasoning(draft, event)
        case ToolOpened():
            draft.slot("tool", event.index)[1].update(id=event.id, name=event.name, custom=event.custom)
        case ToolArgs():
            pieces, facts = draft.slot("tool", event.index)
            facts.setdefault("id", "")
            facts.setdefault("name", "")
            pieces.append(event.fragment)
        case OpaqueDelta():
            facts = draft.slot("opaque", len(draft.slots))[1]
            facts.update(dialect=event.dialect, kind=event.kind, raw=event.raw)
        case Logprobs():
            draft.logprobs = _join_logprobs(draft.logprobs, event.value)
        case Finished():
            draft.end = event
        case _:
            pass


def _take_reasoning(draft: _Draft, event: ReasoningDelta | ReasoningSealed) -> None:
    pieces, facts = draft.slot("reasoning", event.block)
    if event.format is not None:
        facts["format"] = event.format
    if isinstance(event, ReasoningDelta):
        pieces.append(event.text)
        facts["summary"] = event.summary
        return
    facts.update({k: v for k, v in (("signature", event.signature), ("data", event.data), ("id", event.id)) if v})


def _join_logprobs(held: dict[str, Json] | None, new: Json) -> dict[str, Json] | None:
    if not isinstance(new, dict):
        return held
    joined = dict(held or {})
    for key, rows in new.items():
        old = joined.get(key)
        joined[key] = [*old, *rows] if isinstance(old, list) and isinstance(rows, list) else (rows or old)
    return joined


def unfold(reply: Reply) -> list[Event]:
    """Say a whole answer as events, in an order that folds back to it."""
    events: list[Event] = [Started(id=reply.id, model=reply.model, created_s=reply.created_s, extras=reply.extras)]
    for choice in reply.choices:
        events.extend(_unfold_choice(choice))
    if reply.usage is not None:
        events.append(Counted(reply.usage))
    if reply.fault is not None:
        events.append(Failed(reply.fault))
    return events


def _unfold_choice(choice: Choice) -> list[Event]:
    at, events, tools = choice.index, list[Event](), 0
    for block, part in enumerate(choice.parts):
        if isinstance(part, ToolCall):
            events.extend((ToolOpened(tools, part.id, part.name, at, part.custom), ToolArgs(tools, part.arguments, at)))
            tools += 1
        else:
            events.extend(_unfold_part(part, at, block))
    if choice.logprobs is not None:
        events.append(Logprobs(value=choice.logprobs, choice=at))
    if choice.finish is not None:
        events.append(Finished(choice.finish, choice.native_finish, at, choice.stop_sequence))
    return events


def _unfold_part(part: Part, at: int, block: int) -> list[Event]:
    match part:
        case Text():
            return [TextDelta(part.text, at)]
        case Refusal():
            return [RefusalDelta(part.text, at)]
        case Reasoning():
            return _unfold_reasoning(part, at, block)
        case Opaque():
            return [OpaqueDelta(dialect=part.dialect, kind=part.kind, raw=part.raw, choice=at)]
        case _:
            # Images, files and tool results are a caller's parts: no model says them outside an `Opaque`.
            return []


def _unfold_reasoning(part: Reasoning, at: int, block: int) -> list[Event]:
    events: list[Event] = []
    sealed = part.signature or part.data or part.id
    if part.text or part.summary or not sealed:
        events.append(ReasoningDelta(part.text, at, block, part.summary, part.format))
    if sealed:
        events.append(ReasoningSealed(part.signature, part.data, at, block, part.format, part.id))
    return events
