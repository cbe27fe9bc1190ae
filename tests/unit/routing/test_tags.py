"""The tag of a request: a table of examples, and that it costs next to nothing."""

import timeit

import pytest

from wideband.routing.tags import TAGS, Features, display_name, task_tag

CODER = b'[{"type":"function","function":{"name":"bash"}},{"type":"function","function":{"name":"str_replace"}}]'
SEARCHER = b'[{"name":"web_search"},{"name":"web_fetch"}]'
CLICKER = b'[{"name":"click"},{"name":"screenshot"}]'
FILER = b'[{"name":"read_file"},{"name":"list_dir"}]'
CLERK = b'[{"name":"get_order"},{"name":"send_mail"}]'

PLAIN = {
    "code:general_impl": (
        "Write a Python function that returns the n-th Fibonacci number.",
        "Implement a rate limiter in Rust using a token bucket.",
        "How do I write an async HTTP client in Kotlin?",
        "Build me a small CLI program in Go that renders markdown.",
    ),
    "code:debugging": (
        "My code throws a TypeError: 'NoneType' object is not subscriptable. Why?",
        "Fix this bug: the loop never ends and the program crashes.",
        "Traceback (most recent call last): KeyError: 'id'. What is wrong?",
        "It fails with an exception: undefined is not a function. Debug it please.",
    ),
    "code:refactoring": (
        "Refactor this class so that it is more readable and modularize it.",
        "Restructure this legacy module to simplify it and pay off technical debt.",
    ),
    "code:review": (
        "Please do a code review of this pull request and nitpick.",
        "Review this diff for vulnerabilities and code quality.",
    ),
    "code:testing": (
        "Write unit tests with pytest for the parser below.",
        "Add integration tests and fixtures to reach full coverage.",
    ),
    "code:explanation": (
        "Explain this code to me line by line.",
        "What does this snippet do, and what is its time complexity?",
    ),
    "code:frontend": (
        "Make a responsive landing page with Tailwind and a dark mode button.",
        "Create a React component with a navbar in CSS.",
    ),
    "code:devops": (
        "Write a Dockerfile and a Kubernetes deployment for my service.",
        "Set up nginx and a systemd unit, and deploy it over ssh.",
    ),
    "data:sql": (
        "Write a SQL query that joins the tables orders and users, group by month.",
        "How do I speed up this Postgres query with an index?",
    ),
    "data:analysis": (
        "Analyze the data in this CSV with pandas and report trends and outliers.",
        "Run a regression on this dataset and tell me the correlation.",
    ),
    "data:extraction": (
        "Extract the invoice number and the dates from this receipt, return JSON.",
        "Pull out all named entities from the text below.",
    ),
    "data:classification": (
        "Classify the sentiment of this review as positive, negative or neutral.",
        "Is this message spam? Label it with one of the following categories.",
    ),
    "data:transformation": (
        "Convert this XML to JSON and normalize the columns.",
        "Reformat this list to a markdown table.",
    ),
    "data:visualization": (
        "Plot a histogram with matplotlib.",
        "Draw a mermaid diagram and a bar chart of this.",
    ),
    "agent:web_search": (
        "Search the web for the latest news about fusion energy.",
        "Look up the current price of copper today, with recent sources online.",
    ),
    "agent:multi_step_planning": (
        "Break down the launch into subtasks with milestones and a timeline.",
        "Plan my itinerary: a schedule for five days in Lisbon, then prioritize.",
    ),
    "qa_knowledge": (
        "What is the capital of Mongolia?",
        "Why is the sky blue?",
        "What are the differences, and who invented the telephone? Tell me about its history.",
        "How does photosynthesis work?",
    ),
    "math": (
        "Solve the equation x^2 - 5x + 6 = 0.",
        "Calculate the probability of two sixes and prove it.",
        "Find the derivative of sin(x) and the integral of its square.",
    ),
    "customer_support": (
        "I want a refund for my order, the delivery never came.",
        "Please cancel my subscription, I was charged twice on my account.",
    ),
    "research_report": (
        "Write a comprehensive research report on solid-state batteries with citations.",
        "Do a market analysis of our competitors, with methodology and findings.",
    ),
    "summarization": (
        "Summarize the following article in three bullet points.",
        "TL;DR of this meeting, with key points and takeaways.",
    ),
    "translation": (
        "Translate this sentence into French.",
        "Please give me the German translation of these subtitles.",
    ),
    "creative_writing": (
        "Write a short story about a dragon, with dialogue.",
        "A haiku and a poem about autumn, please.",
        "Let us roleplay a fantasy scene.",
    ),
    "editing": (
        "Proofread this email and make the tone more professional.",
        "Rewrite my cover letter and improve the grammar.",
    ),
    "conversation": (
        "Hello! How are you today?",
        "Thanks, that was nice of you",
        "mmh",
        "",
    ),
}
WITH_TOOLS = (
    (CODER, "Fix the failing test in parser.py", "agent:coding"),
    (CODER, "Add a --json flag to the CLI and implement it", "agent:coding"),
    (CODER, "continue", "agent:coding"),
    (SEARCHER, "Who won the election? Find the latest news.", "agent:web_search"),
    (SEARCHER, "Search for recent papers", "agent:web_search"),
    (CLICKER, "Open the settings and click on Save", "agent:computer_use"),
    (FILER, "Move all files of this folder into a new directory", "agent:file_operations"),
    (CLERK, "Where is my package? I want a refund for the order.", "customer_support"),
    (CLERK, "Do it", "agent:tool_use"),
    (CLERK, "Plan the project: milestones, a roadmap, then delegate the subtasks.", "agent:multi_step_planning"),
)


def test_there_are_tags_of_four_kinds_and_examples_enough() -> None:
    assert {tag.macro for tag in TAGS.values()} == {"code", "data", "agent", "general"}
    assert len(TAGS) == 29
    assert sum(map(len, PLAIN.values())) + len(WITH_TOOLS) >= 60
    assert set(PLAIN) | {tag for _, _, tag in WITH_TOOLS} == set(TAGS)


@pytest.mark.parametrize(("tag", "asking"), [(tag, asking) for tag, all_ in PLAIN.items() for asking in all_])
def test_examples_have_their_tag(tag: str, asking: str) -> None:
    assert task_tag(Features(asking=asking)) == tag


@pytest.mark.parametrize(("tools", "asking", "tag"), WITH_TOOLS)
def test_tools_make_a_request_an_agents(tools: bytes, asking: str, tag: str) -> None:
    assert task_tag(Features(asking=asking, needs=frozenset({"tools"}), tools=tools)) == tag


def test_the_system_prompt_of_a_coding_agent_speaks_for_code() -> None:
    features = Features(
        opening="You are a coding agent that works in the user's repository.\nhi",
        asking="Rename the flag",
        needs=frozenset({"tools"}),
        tools=b'[{"name":"Edit"}]',
    )
    assert task_tag(features) == "agent:coding"


def test_a_schema_speaks_for_extraction_and_for_labels_where_labels_are_asked_for() -> None:
    schema = frozenset({"structured_outputs", "response_format"})
    assert task_tag(Features(asking="Ada Lovelace, born 1815", needs=schema)) == "data:extraction"
    assert task_tag(Features(asking="Classify the sentiment", needs=schema)) == "data:classification"


def test_without_newest_words_the_opening_counts() -> None:
    assert task_tag(Features(opening="You translate.\nTranslate this into English")) == "translation"


def test_a_tag_costs_microseconds() -> None:
    text = "Please look at the report of the last quarter and tell the team what is in it, in plain words. " * 22
    numbers = iter(range(10_000))

    def tagged() -> None:
        asking = f"{next(numbers)} {text}"[:2000]
        task_tag(Features(asking=asking, opening=asking, needs=frozenset({"tools"}), tools=CODER * 40))

    assert min(timeit.repeat(tagged, number=200, repeat=5)) / 200 < 300e-6


def test_the_same_question_is_not_asked_twice() -> None:
    features = Features(asking="Summarize this " * 60)
    first = task_tag(features)
    assert min(timeit.repeat(lambda: task_tag(features), number=200, repeat=5)) / 200 < 30e-6
    assert task_tag(features) == first == "summarization"


def test_a_tag_is_written_by_its_name_and_one_of_others_as_it_is() -> None:
    assert display_name("code:debugging") == "Debugging"
    assert all(display_name(tag) == TAGS[tag].display_name for tag in TAGS)
    assert display_name("theirs:own") == "theirs:own"
