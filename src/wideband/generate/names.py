"""Words that made-up names are put together from."""

_AUTHORS = (
    "alder aspen basalt beech birch cedar chalk cobalt copper coral cypress elm fern flint garnet granite hazel heath"
    " indigo iris jade juniper larch laurel linden maple marble moss nickel oak ochre olive onyx opal pine quartz reed"
    " rowan slate willow"
)
_FAMILIES = "arc bolt crest dune echo fable glint haze ink jolt"
_PLACES = (
    "north south east west lake river hill bay cape delta forest harbour island mesa mill plain port ridge summit"
    " valley"
)
_ADJECTIVES = (
    "amber brisk calm clever cosmic crisp daring deep eager fleet gentle golden grand happy hidden honest humble jolly"
    " keen kind lively lucky mellow merry mighty modest nimble noble polite proud quick quiet rapid sharp silent smart"
    " steady sunny swift tidy"
)
_NOUNS = (
    "badger beacon canvas compass desk falcon forge garden harbor lantern ledger loom meadow notebook otter pilot quill"
    " studio tutor workshop"
)

AUTHORS: list[str] = _AUTHORS.split()
FAMILIES: list[str] = _FAMILIES.split()
SIZES = ("nano", "mini", "small", "medium", "large", "pro", "max")
PLACES: list[str] = _PLACES.split()
TRADES = ("cloud", "compute", "inference")
ADJECTIVES: list[str] = _ADJECTIVES.split()
NOUNS: list[str] = _NOUNS.split()
