"""`python -m bench`: start what is to be measured, take every figure in interleaved rounds, report."""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
from rich.console import Console

from bench import probes, report
from bench.machine import ROOT, BenchError, rss_kb, thermometer
from bench.peers import PEERS
from bench.subjects import Direct, Subject, Upstreams, Wideband
from wideband.store.archive import Archive
from wideband.store.audit import audit

PEER_RESTARTS = 1
# Of a report that goes into a file: wide enough for every peer.
WIDTH = 200


class Effort(msgspec.Struct, frozen=True):
    """How long a run may take: rounds, seconds for each figure in a round, and starts of Wideband beside the first."""

    rounds: int
    seconds: float
    restarts: int


FULL = Effort(rounds=5, seconds=2.0, restarts=5)
QUICK = Effort(rounds=2, seconds=0.6, restarts=2)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less than a minute, rougher figures")
    parser.add_argument(
        "--peer", action="append", default=[], choices=sorted(PEERS), help="measure this beside Wideband"
    )
    parser.add_argument("--require-peers", action="store_true", help="fail when a peer asked for cannot be measured")
    parser.add_argument("--json", type=Path, help="where to write the results; bench/results/TIME.json unless said")
    return parser.parse_args()


def started(subject: Subject) -> float:
    """Start a subject; return the seconds to its first answer."""
    start = time.perf_counter()
    subject.start()
    return time.perf_counter() - start


def open_subject(subject: Subject, restarts: int, results: report.Results) -> None:
    """Take the figures that need a fresh process, and leave the subject running and warm."""
    results.add(subject.name, {"first_start": started(subject)})
    for _ in range(restarts):
        subject.stop()
        results.add(subject.name, {"start": started(subject)})
    probes.warm_up(subject)
    results.add(subject.name, {"idle_memory": rss_kb(subject.pid) / 1024})
    results.add(subject.name, probes.stream_memory(subject))


@contextmanager
def gathered(effort: Effort, peers: list[str], results: report.Results) -> Iterator[tuple[Direct, list[Subject]]]:
    """Start everything; a peer that is not to be had is noted and left out."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wideband-bench-")))
        upstreams = Upstreams(folder)
        stack.callback(upstreams.stop)
        results.upstream = upstreams.whole
        wideband = Wideband(folder / "wideband", upstreams)
        stack.callback(wideband.stop)
        open_subject(wideband, effort.restarts, results)
        subjects: list[Subject] = [wideband]
        for name in peers:
            try:
                peer = PEERS[name](folder / name, upstreams)
                stack.callback(peer.stop)
                open_subject(peer, PEER_RESTARTS, results)
                subjects.append(peer)
            except BenchError as error:
                results.figures.pop(name, None)
                results.unavailable[name] = str(error)
        yield Direct(upstreams), subjects
        wideband.stop()
        check_ledger(wideband.home, results)


def check_ledger(home: Path, results: report.Results) -> None:
    """Count what was recorded: a gateway that loses records has no figures. Raises `BenchError`."""
    archive = Archive(home)
    try:
        results.ledger = audit(home, archive)
    finally:
        archive.close()
    answers = sum(results.figures["wideband"][probes.ANSWERS])
    if results.ledger["problems"] or results.ledger["records"] < answers:
        raise BenchError(f"{answers:.0f} answers came, but the ledger says {results.ledger}")


def measure(effort: Effort, peers: list[str], results: report.Results) -> None:
    """Take every figure of every subject, round by round, so that a busy minute hits all alike."""
    with gathered(effort, peers, results) as (direct, subjects):
        for number in range(effort.rounds):
            print(f"round {number + 1} of {effort.rounds} ...", file=sys.stderr, flush=True)
            for probe in probes.probes(direct, effort.seconds):
                results.thermometer_ms.append(round(thermometer(), 2))
                for subject in subjects:
                    probes.wait_until_quiet(subject)
                    results.add(subject.name, probe(subject))


def main() -> int:
    """Run the benchmark; the exit status is 1 when it could not be run as asked."""
    options = arguments()
    effort = QUICK if options.quick else FULL
    results = report.Results(quick=options.quick)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    try:
        measure(effort, options.peer, results)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    report.stamp(results)
    path = options.json or ROOT / "bench/results" / f"{results.at.replace(':', '')}.json"
    report.write(results, path)
    report.show(results, console)
    print(f"Written to {path}")
    return int(options.require_peers and bool(results.unavailable))


if __name__ == "__main__":
    sys.exit(main())
