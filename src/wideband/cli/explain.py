"""`wideband explain`: who would answer a request, in which order, and why the others would not."""

from pathlib import Path
from typing import Any
from urllib import request
from urllib.parse import quote

import click
from rich.console import Console
from rich.table import Table

from wideband import clock
from wideband.canon.faults import Faulted
from wideband.cli.options import market_options, read_market
from wideband.cli.running import answer_of, running
from wideband.config import ConfigError, Settings, load_settings
from wideband.gateway.explaining import Market, Question, explained, explanation_object
from wideband.ids import seed
from wideband.routing.explain import NOTES
from wideband.routing.health import Health
from wideband.server.localkey import key_file
from wideband.wire import jsons


@click.command("explain")
@click.argument("asked", metavar="MODEL|GENERATION")
@click.option("--prefs", default="{}", help="The request's `provider` object, as JSON.")
@click.option("--prompt-tokens", type=click.IntRange(min=0), default=1000, show_default=True)
@click.option("--max-tokens", type=click.IntRange(min=1), help="The request's own limit of the answer.")
@click.option("--needs", default="", help="Parameters that the request uses, by comma: tools,response_format.")
@click.option("--json", "as_json", is_flag=True, help="Print what POST /explain answers.")
@market_options
def command(asked: str, as_json: bool, home: Path | None, config_file: Path | None, **asking: Any) -> None:
    """Tell what the router would do with a request for MODEL, or what it did with a GENERATION (gen-...).

    Asks the server that runs on this home, which knows how its providers are doing; without one, prices alone decide.
    """
    try:
        settings = load_settings(home=home, config_file=config_file)
        if asked.startswith("gen-"):
            _print_past(_record(settings, asked), as_json=as_json)
            return
        question = Question(
            model=asked,
            provider=_preferences(asking["prefs"]),
            prompt_tokens=asking["prompt_tokens"],
            max_tokens=asking["max_tokens"],
            parameters=frozenset(filter(None, asking["needs"].split(","))),
        )
        live = _asked(settings, question)
        found = live or _alone(settings, question, home, config_file)
    except ConfigError as wrong:
        raise click.ClickException(str(wrong)) from None
    except Faulted as faulted:
        raise click.ClickException(faulted.fault.message) from None
    if as_json:
        click.echo(jsons.encode({"data": found}))
        return
    _print(found)
    if live is None:
        click.echo("No server runs on this home: nothing is known of how the providers are doing.")


def _preferences(text: str) -> dict[str, Any]:
    try:
        found = jsons.decode(text.encode())
    except jsons.DecodeError as wrong:
        raise click.BadParameter(f"this is no JSON: {wrong}", param_hint="--prefs") from None
    if not isinstance(found, dict):
        raise click.BadParameter('it is an object, such as {"sort": "price"}', param_hint="--prefs")
    return found


def _asked(settings: Settings, question: Question) -> dict[str, Any] | None:
    """Return the running server's explanation; None when none runs."""
    return _told(settings, "/explain", jsons.encode(question))


def _record(settings: Settings, generation_id: str) -> dict[str, Any]:
    found = _told(settings, f"/generation?id={quote(generation_id)}", None)
    if found is None:
        raise click.ClickException("No server runs on this home: start `wideband serve`, which knows its generations.")
    return found


def _told(settings: Settings, path: str, body: bytes | None) -> dict[str, Any] | None:
    """Return what the running server answers; None when none runs."""
    facts = running(settings.home)
    if facts is None:
        return None
    try:
        key = key_file(settings.home).read_text().strip()
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        found: dict[str, Any] = answer_of(request.Request(f"{facts['url']}/api/v1{path}", body, headers))["data"]
    except OSError:
        return None  # it was killed, and its file is still there
    return found


def _alone(settings: Settings, question: Question, home: Path | None, config_file: Path | None) -> dict[str, Any]:
    market = Market(read_market(home, config_file).catalogue, Health(), settings.routing)
    return explanation_object(explained(question, market, clock.now_ns(), seed()))


def _print(found: dict[str, Any]) -> None:
    expected = found["expected"]
    models, tokens = ", ".join(found["models"]), f"{expected['prompt_tokens']} prompt tokens"
    click.echo(
        f"{models}: ranked by {found['strategy']}, for {tokens} and about {expected['output_tokens']} of answer."
    )
    for step in found["routing_funnel"]:
        if "reason" in step:
            click.echo(f"{step['step']} leaves {step['endpoint_count']}: {step['reason']}.")
    table = Table("", "Endpoint", "Share", "Cost $", "First token", "Whole", "Failing", "Why", box=None, pad_edge=False)
    for column in table.columns[2:7]:
        column.justify = "right"
    several = len(found["models"]) > 1
    for row in found["candidates"]:
        out = row["rank"] is None
        guess = "" if row["expected"]["tries"] else "~"
        table.add_row(
            str(row["rank"] or "-"),
            f"{row['model']} at {row['tag']}" if several else row["tag"],
            "" if out else f"{row['share']:.1%}",
            "" if out else _shortened(row["expected_cost"]),
            "" if out else f"{guess}{row['expected_wait_ms'] / 1000:.2f} s",
            "" if out else f"{guess}{row['expected_total_ms'] / 1000:.2f} s",
            "?" if row["failing"] is None else f"{row['failing']:.1%}",
            row["why"] if out or row["note"] else "",
            style="dim" if out else "",
        )
    Console(markup=False).print(table)
    if found["error"] is not None:
        click.echo(found["error"]["message"])


def _print_past(record: dict[str, Any], *, as_json: bool) -> None:
    """Show how a generation was routed and what became of its tries."""
    if as_json:
        click.echo(jsons.encode({"data": record}))
        return
    routing, tries = record["routing"], record["provider_responses"]
    click.echo(f"{record['model']}: ranked by {routing['strategy']}; {len(tries)} tries, status {record['status']}.")
    table = Table("", "Endpoint", "Share", "Cost $", "First token", "Whole", "Why", box=None, pad_edge=False)
    for at, row in enumerate(routing["weighed"], 1):
        waits = (f"{row[name] / 1000:.2f} s" for name in ("expected_wait_ms", "expected_total_ms"))
        why = NOTES.get(row["note"] or "", "")
        table.add_row(str(at), row["tag"], f"{row['share']:.1%}", _shortened(row["expected_cost"]), *waits, why)
    Console(markup=False).print(table)
    for at, one in enumerate(tries, 1):
        became = f"{one['fault']}: {one['message']}" if one["fault"] else "answered"
        beside = ", beside the one before" if one["is_hedge"] else ""
        click.echo(f"try {at} at {one['provider_name']}{beside}, {one['duration']:.0f} ms: {became}")


def _shortened(usd: str | float) -> str:
    return f"{float(usd):.3g}" if float(usd) else "0"
