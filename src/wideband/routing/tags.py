"""What kind of work a request asks for: one tag of a table, told by words, tools and form. Pure and cheap.

Every word counts points for tags, what the request offers and demands counts more; most points win. It is a guess that
costs microseconds, made to count traffic by kind: nothing is refused by it.
"""

import functools
from collections.abc import Iterable
from typing import Literal

import msgspec

Macro = Literal["code", "data", "agent", "general"]

FALLBACK = "conversation"


class Tag(msgspec.Struct, frozen=True, gc=False):
    """One kind of work: its name for people, and what words speak for it (a word, or two joined by a space)."""

    display_name: str
    macro: Macro
    words: str = ""


class Features(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at. `tools` are the bytes of the tools offered; `asking` the newest words, `opening` the first."""

    opening: str = ""
    asking: str = ""
    needs: frozenset[str] = frozenset()
    modalities: frozenset[str] = frozenset()
    tools: bytes = b""
    prompt_tokens: int = 0
    max_tokens: int | None = None


# A comma parts words; `!` behind one doubles its points.
TAGS: dict[str, Tag] = {
    "code:debugging": Tag(
        "Debugging",
        "code",
        "debug!, bug!, bugs, fix, fixing, error, errors, exception!, traceback!, stacktrace!,"
        " stack trace!, crash, crashes, fails, failing, segfault!, nullpointerexception!, typeerror!,"
        " valueerror!, keyerror!, attributeerror!, undefined!, not working!, doesn't work!,"
        " why does my!, root cause, broken, panic, importerror!, deadlock",
    ),
    "code:refactoring": Tag(
        "Refactoring",
        "code",
        "refactor!, refactoring!, clean up, rename, simplify, restructure!, modularize!, deduplicate,"
        " readable, migrate!, port!, convert this code!, rewrite this function!, optimize,"
        " technical debt!, legacy",
    ),
    "code:review": Tag(
        "Code review",
        "code",
        "review!, code review!, pull request!, diff, reviewer!, nitpick!, vulnerabilities!,"
        " security review!, merge request!, code quality!, smells",
    ),
    "code:testing": Tag(
        "Tests",
        "code",
        "unit test!, unit tests!, pytest!, jest!, junit!, test cases!, write tests!, coverage, mock,"
        " mocks, integration test!, integration tests!, fixture!, fixtures!, test suite!, e2e!,"
        " property tests!",
    ),
    "code:explanation": Tag(
        "Code explained",
        "code",
        "explain this code!, explain code!, what does this!, this code do!, this function do!, walk me!,"
        " explain the code!, how does this code!, this snippet!, explain how this function!, big o!,"
        " time complexity!",
    ),
    "code:frontend": Tag(
        "Front end",
        "code",
        "react!, css!, html!, tailwind!, vue!, svelte!, landing page!, website!, webpage!, web page!,"
        " navbar!, frontend!, front-end!, nextjs!, next js!, responsive!, ui, button, dark mode!,"
        " angular!, layout, flexbox!",
    ),
    "code:devops": Tag(
        "Operations",
        "code",
        "docker!, dockerfile!, kubernetes!, k8s!, terraform!, ansible!, nginx!, helm!, ci, pipeline,"
        " github actions!, yaml, deploy!, deployment!, systemd!, bash script!, aws, gcp, azure, linux,"
        " ssh!, cron!, compose, prometheus!",
    ),
    "code:general_impl": Tag(
        "Implementation",
        "code",
        "implement!, function!, code!, python!, javascript!, typescript!, java!, rust!, golang!, go,"
        " c++!, kotlin!, swift!, php!, ruby!, class, script!, api, endpoint, library, algorithm!,"
        " program!, cli, regex!, method, async, module, leetcode!, app, django!, flask!, fastapi!,"
        " backend!, compile, recursion!, linked list!, binary tree!",
    ),
    "data:sql": Tag(
        "SQL",
        "data",
        "sql!, select, postgres!, postgresql!, mysql!, sqlite!, bigquery!, snowflake!, query!, join,"
        " table, tables, group by!, index, schema, database!, window function!, orders, left join!",
    ),
    "data:analysis": Tag(
        "Data analysis",
        "data",
        "dataset!, dataframe!, pandas!, statistics, statistical!, regression!, correlation!,"
        " analyze the data!, trends!, csv!, average, median, hypothesis!, anova!, outliers!, metrics,"
        " forecast!, cohort!, kpi!, a/b test!, sales data!, spreadsheet!, excel!, numpy!, analyze,"
        " time series!",
    ),
    "data:extraction": Tag(
        "Extraction",
        "data",
        "extract!, parse!, fields, invoice!, receipt!, entities!, entity, ner!, named entities!,"
        " pull out!, key information, as json!, return json!, into json!, resume, contract, structured,"
        " names, dates, ocr!, transcribe!",
    ),
    "data:classification": Tag(
        "Classification",
        "data",
        "classify!, classification!, categorize!, category!, categories, label!, labels, sentiment!,"
        " positive, negative, neutral, spam!, toxic!, moderation!, intent!, one of the following!,"
        " score, rate, is this!",
    ),
    "data:transformation": Tag(
        "Transformation",
        "data",
        "convert!, transform!, reformat!, normalize!, to json!, to csv!, to xml!, to markdown!,"
        " to yaml!, format, map, deduplicate!, json, xml, columns, rows, sort this list!, alphabetical!,"
        " markdown table!",
    ),
    "data:visualization": Tag(
        "Charts",
        "data",
        "chart!, plot!, graph, matplotlib!, d3!, visualize!, visualization!, histogram!, heatmap!,"
        " dashboard!, bar chart!, pie chart!, scatter!, mermaid!, diagram!, plotly!, seaborn!",
    ),
    "agent:coding": Tag("Coding agent", "agent"),
    "agent:web_search": Tag(
        "Web search",
        "agent",
        "search the web!, web search!, google!, look up!, latest!, news!, current!, today's!, browse!,"
        " find online!, website, url, sources, price of, recent!, search for!, weather",
    ),
    "agent:multi_step_planning": Tag(
        "Planning",
        "agent",
        "plan!, steps!, step-by-step plan!, milestones!, roadmap!, schedule!, itinerary!, break down!,"
        " subtasks!, delegate!, organize!, coordinate!, task list!, prioritize!, timeline!,"
        " orchestrate!,",
    ),
    "agent:computer_use": Tag(
        "Computer use", "agent", "click!, screenshot!, browser!, screen, scroll!, mouse!, tab, window"
    ),
    "agent:file_operations": Tag(
        "Files",
        "agent",
        "file!, files!, folder!, directory!, rename!, move, copy, delete, upload, read the file!, path",
    ),
    "agent:tool_use": Tag("Tools", "agent"),
    "qa_knowledge": Tag(
        "Questions",
        "general",
        "what is!, what are!, who!, when did!, where!, why!, how many!, how does!, explain!, define!,"
        " difference between!, tell me about!, meaning of!, capital of!, history!, facts, what's!,"
        " is it true!, which, compare",
    ),
    "math": Tag(
        "Mathematics",
        "general",
        "solve!, equation!, integral!, derivative!, calculate!, prove!, theorem!, probability!,"
        " algebra!, geometry!, sum, matrix!, polynomial!, triangle!, percent, fraction!, math!,"
        " calculus!, prime!, modulo!, eigenvalues!, proof!, how much, x, divided, remainder!, compute!",
    ),
    "customer_support": Tag(
        "Customer support",
        "general",
        "refund!, order!, shipping!, delivery!, account!, subscription!, customer!, support agent!,"
        " ticket!, invoice, cancel!, password, return policy!, warranty!, complaint!, help desk!,"
        " billing!, my package!, charged",
    ),
    "research_report": Tag(
        "Research",
        "general",
        "research!, report!, literature!, survey!, citations!, sources!, in-depth!, comprehensive!,"
        " analysis of, white paper!, market analysis!, findings!, systematic review!, methodology!,"
        " study, thesis!, peer-reviewed!, competitors!",
    ),
    "summarization": Tag(
        "Summaries",
        "general",
        "summarize!, summarise!, summary!, tldr!, tl dr!, key points!, bullet points!, condense!,"
        " shorten!, main points!, recap!, takeaways!, minutes!, in one sentence!, abstract",
    ),
    "translation": Tag(
        "Translation",
        "general",
        "translate!, translation!, translator!, into english!, into french!, into german!,"
        " into spanish!, to english!, in french!, to chinese!, to japanese!, japanese, localize!,"
        " subtitles!, into, german!, spanish!, french!, korean",
    ),
    "creative_writing": Tag(
        "Creative writing",
        "general",
        "story!, poem!, novel!, character, characters!, lyrics!, song!, fiction!, haiku!, screenplay!,"
        " dialogue!, scene!, plot, chapter!, write a story!, fantasy!, sonnet!, rap!, fanfic!,"
        " narrative!, roleplay!, role-play!, rhyme!, slogan, name ideas!, act as!",
    ),
    "editing": Tag(
        "Editing",
        "general",
        "proofread!, grammar!, rephrase!, paraphrase!, rewrite!, improve!, edit!, polish!, tone!,"
        " email!, cover letter!, essay!, draft!, blog!, article, linkedin!, wording!, professional!,"
        " sound more!, spelling!, concise, press release!",
    ),
    "conversation": Tag(
        "Conversation",
        "general",
        "hi!, hello!, hey!, thanks!, thank you!, how are you!, good morning!, feel!, advice!, lol!",
    ),
}

# Words of tools' names -> the tag that their being offered speaks for.
_TOOLS: tuple[tuple[bytes, str], ...] = (
    (b"bash", "agent:coding"),
    (b"apply_patch", "agent:coding"),
    (b"str_replace", "agent:coding"),
    (b"edit_file", "agent:coding"),
    (b"replace_in_file", "agent:coding"),
    (b"run_tests", "agent:coding"),
    (b"shell", "agent:coding"),
    (b"exec_command", "agent:coding"),
    (b"execute_command", "agent:coding"),
    (b"screenshot", "agent:computer_use"),
    (b"computer", "agent:computer_use"),
    (b"click", "agent:computer_use"),
    (b"web_search", "agent:web_search"),
    (b"search_web", "agent:web_search"),
    (b"fetch", "agent:web_search"),
    (b"browse", "agent:web_search"),
    (b"read_file", "agent:file_operations"),
    (b"list_dir", "agent:file_operations"),
    (b"write_file", "agent:file_operations"),
)
_TOOL_POINTS = {"agent:coding": 4, "agent:computer_use": 4, "agent:web_search": 3, "agent:file_operations": 2}
_DOUBLED = ("agent:web_search", "agent:multi_step_planning", "agent:file_operations")
# What a coding agent's system prompt begins with.
_HARNESS = (
    "coding agent", "coding assistant", "software engineer", "codebase", "repository", "interactive cli", "claude code",
)  # fmt: skip
# Signs of code in what is asked, beside words, and the tags that they speak for.
_CODE = (
    "```",
    "();",
    ") {",
    "){",
    "self.",
    "#include",
    "\nimport ",
    "function(",
    " => ",
    "\ndef ",
    "const ",
    "public class",
)
# Each with a mark in it that most prose lacks: to look for one character takes next to no time.
_MARKED = tuple((next((mark for mark in sign if mark in "`(){}#=\n"), sign), sign) for sign in _CODE)
_CODE_TAGS = ("code:general_impl", "code:debugging", "code:review", "code:refactoring", "code:explanation")
_MOST_TOOL_BYTES = 4_096
_HEAD_CHARS, _TAIL_CHARS, _HARNESS_CHARS = 700, 300, 400
_LEAST_POINTS = 2
_NO_TOOLS: frozenset[str] = frozenset()


def _split(words: str) -> Iterable[tuple[str, int]]:
    for word in words.split(","):
        word = word.strip()
        if word:
            yield (word[:-1], 2) if word.endswith("!") else (word, 1)


_Points = tuple[tuple[str, int], ...]


def _table() -> dict[str, _Points]:
    found: dict[str, list[tuple[str, int]]] = {}
    for name, tag in TAGS.items():
        for word, points in _split(tag.words):
            # Several words in a row say more than one.
            found.setdefault(word, []).append((name, points + (" " in word)))
    return {word: tuple(points) for word, points in found.items()}


def _by_first(table: dict[str, _Points]) -> dict[str, list[tuple[frozenset[str], str, _Points]]]:
    """Return what is more than one word by its first, with the others, so that a text is seldom gone through for it."""
    found: dict[str, list[tuple[frozenset[str], str, _Points]]] = {}
    for phrase, points in table.items():
        first, *others = phrase.split()
        if others:
            found.setdefault(first, []).append((frozenset(others), f" {phrase} ", points))
    return found


_TABLE = _table()
_PHRASES = _by_first(_TABLE)
_KNOWN = frozenset(_TABLE) | frozenset(_PHRASES)
_ORDER = {name: at for at, name in enumerate(TAGS)}
_APART = str.maketrans(dict.fromkeys('.,;:!?()[]{}<>"`*_=|', " "))


def display_name(tag: str) -> str:
    """Return what a kind of work is called; a tag that is none of ours keeps its own name."""
    return TAGS[tag].display_name if tag in TAGS else tag


def task_tag(features: Features) -> str:
    """Return the tag of a request, a key of `TAGS`."""
    asked = features.asking or features.opening
    if len(asked) > _HEAD_CHARS + _TAIL_CHARS:
        asked = f"{asked[:_HEAD_CHARS]} {asked[-_TAIL_CHARS:]}"
    if "tools" not in features.needs:
        return _tag(asked, features.needs, "", _NO_TOOLS)
    return _tag(
        asked, features.needs, features.opening[:_HARNESS_CHARS], _spoken_for(features.tools[:_MOST_TOOL_BYTES])
    )


@functools.lru_cache(maxsize=512)
def _tag(asked: str, needs: frozenset[str], head: str, spoken_for: frozenset[str]) -> str:
    """Return the tag; kept, because an agent's newest words stay the same from one call of a tool to the next."""
    points = _points_of(asked)
    if "tools" in needs:
        _count_tools(points, head, spoken_for)
    else:
        # Without a tool nobody moves a file or clicks.
        points.pop("agent:file_operations", None)
        points.pop("agent:computer_use", None)
    if "structured_outputs" in needs or "response_format" in needs:
        points["data:extraction"] = points.get("data:extraction", 0) + 2
        if points.get("data:classification", 0) >= 2:
            points["data:classification"] += 2
    if not points:
        return FALLBACK
    best = max(points, key=lambda name: (points[name], -_ORDER[name]))
    return best if points[best] >= _LEAST_POINTS else FALLBACK


def _points_of(asked: str) -> dict[str, int]:
    words = asked.lower().translate(_APART).split()
    said, plain = frozenset(words), ""
    points: dict[str, int] = {}
    for word in _KNOWN & said:
        for name, count in _TABLE.get(word, ()):
            points[name] = points.get(name, 0) + count
        if word in _PHRASES:
            for others, phrase, counts in _PHRASES[word]:
                if others <= said and phrase in (plain := plain or f" {' '.join(words)} "):
                    for name, count in counts:
                        points[name] = points.get(name, 0) + count
    if any(mark in asked and sign in asked for mark, sign in _MARKED):
        for name in _CODE_TAGS:
            points[name] = points.get(name, 0) + 2
    return points


@functools.lru_cache(maxsize=256)
def _spoken_for(tools: bytes) -> frozenset[str]:
    """Return the tags that tools speak for; an agent offers the same ones all the time."""
    names = tools.lower()
    return frozenset(tag for word, tag in _TOOLS if word in names)


def _count_tools(points: dict[str, int], head: str, spoken_for: frozenset[str]) -> None:
    """Count what the tools speak for: with them a request is an agent's, unless it is plainly something else."""
    points["agent:tool_use"] = points.get("agent:tool_use", 0) + 3
    for name in spoken_for:
        points[name] = points.get(name, 0) + _TOOL_POINTS[name]
    if any(map(head.lower().__contains__, _HARNESS)):
        points["agent:coding"] = points.get("agent:coding", 0) + 4
    if "agent:coding" in points:
        # Whatever is asked of a coding agent, it is code that it works on.
        points["agent:coding"] += max((count for name, count in points.items() if name[:5] == "code:"), default=0)
        return
    for name in _DOUBLED:
        if points.get(name, 0) >= 2:
            points[name] += 2
