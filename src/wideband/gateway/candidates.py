"""What routers know: the models that can be asked, and what this exchange's own callers spent on each kind of work."""

from collections.abc import Callable

from wideband.catalog.rows import Catalogue
from wideband.clock import monotonic_ns
from wideband.routing.auto import (
    CHOOSERS,
    Choice,
    Figures,
    Question,
    Restrictions,
    Shares,
    auto_models,
    figures_of,
    shares_of,
)
from wideband.store.shares import ShareFile, TaskShares

# How often it is looked whether there are new shares of spend.
LOOK_NS = 5_000_000_000


class Candidates:
    """What every request to a router needs, at hand while it holds; without a file there are no shares of spend."""

    def __init__(self, file: ShareFile | None = None, chooser: str = "rules", tier: str = "low") -> None:
        self._file, self._chooser, self.tier = file, CHOOSERS[chooser], tier
        self._catalogue: Catalogue | None = None
        self._figures: tuple[Figures, ...] = ()
        self._by_model: dict[str, Figures] = {}
        self._models: dict[str, str] = {}
        self._looked_ns = 0
        self._made_ns = -1
        self._shares: dict[str, Shares] = {}

    def figures(self, catalogue: Catalogue) -> tuple[Figures, ...]:
        """Return the candidates of a catalogue."""
        if self._catalogue is not catalogue:
            self._catalogue, self._figures = catalogue, figures_of(catalogue)
            self._by_model = {each.model: each for each in self._figures}
            self._models = {each.id: each.model for rows in catalogue.endpoints.values() for each in rows}
        return self._figures

    def find(self, model: str, catalogue: Catalogue) -> Figures | None:
        """Return a candidate by its model."""
        self.figures(catalogue)
        return self._by_model.get(model)

    def serving(self, endpoint_id: str, catalogue: Catalogue) -> Figures | None:
        """Return the candidate that an endpoint serves."""
        self.figures(catalogue)
        return self._by_model.get(self._models.get(endpoint_id, ""))

    def shares(self, tag: str) -> Shares:
        """Return this exchange's own traffic of a kind of work, at most some seconds after it was added up."""
        at_ns = monotonic_ns()
        if self._file is not None and at_ns >= self._looked_ns:
            self._looked_ns = at_ns + LOOK_NS
            told = self._file.read()
            if told.made_ns != self._made_ns:
                self._made_ns, self._shares = told.made_ns, shares_of(told.rows)
        return self._shares.get(tag, Shares())

    def task_shares(self) -> TaskShares:
        """Return the traffic of the last seven days as it was added up. Waits for the disk."""
        return self._file.read() if self._file is not None else TaskShares()

    def choose(
        self, question: Question, market: tuple[Figures, ...], restrictions: Restrictions, fits: Callable[[str], bool]
    ) -> list[Choice]:
        """Return the models for a request, best first."""
        return auto_models(question, market, restrictions, self._chooser, fits)
