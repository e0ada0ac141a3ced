"""Documents stay true: files, headings, modules and make targets that they name exist; decisions have one form."""

import importlib.util
import re
from itertools import takewhile
from pathlib import Path

import pytest

from infra.packaging import ROOT

SERVICE = ROOT / "layers" / "linkage" / "python"
DECISIONS = ROOT / "docs" / "decisions"
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *(file for folder in ("docs", "infra", "layers", "tests") for file in (ROOT / folder).rglob("*.md")),
    ]
)
PACKAGES = ("linkage", "app", "functions", "infra", "layers", "tests", "docs")
MODULE = re.compile(r"(linkage|app|functions|infra|tests)(\.(?!py$|yaml$)\w+)+")
EXAMPLES = re.compile(r"\bcheck(ing|_thing)?\b|NNNN|\*|[A-Z]{3,}|[{}<>]")
"""Names that documents use as examples or patterns."""
CATEGORIES = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
every_decision = pytest.mark.parametrize("decision", sorted(DECISIONS.glob("0*.md")), ids=lambda path: path.stem)


def code(text: str) -> list[str]:
    """The names in backticks outside of code blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def anchor(heading: str) -> str:
    """A heading's anchor, as GitHub and others make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(document: Path) -> set[str]:
    return {anchor(heading) for heading in re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)}


@every_document
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if target.startswith(("https:", "http:")):
            continue
        path, _, part = target.partition("#")
        linked = (document.parent / path).resolve() if path else document
        assert linked.exists(), target
        assert not part or part in anchors(linked), target


@every_document
def test_files_that_are_named_exist(document):
    """A path is from the root, or a short one: from the service's package, or beside the document."""
    for name in code(document.read_text()):
        path = name.rstrip("/")
        if "/" not in path or path.partition("/")[0] not in PACKAGES or EXAMPLES.search(path) or " " in path:
            continue
        places = (ROOT, SERVICE, document.parent)
        matches = [place for place in places if (place / path).exists() or [*place.glob(f"{path}-*.md")]]
        assert matches, f"{name} of {document.relative_to(ROOT)} is not there"


@every_document
def test_modules_that_are_named_exist(document):
    for name in code(document.read_text()):
        if MODULE.fullmatch(name) and not EXAMPLES.search(name):
            assert exists(name), f"{name} of {document.relative_to(ROOT)} is not there"


def exists(name: str) -> bool:
    """Tell whether there is such a module, or such a name in a module; nothing but packages is imported."""
    package, _, last = name.rpartition(".")
    try:
        if importlib.util.find_spec(name):
            return True
    except ModuleNotFoundError:
        return "." in package and exists(package)
    spec = importlib.util.find_spec(package)
    return bool(spec and spec.origin and re.search(rf"\b{last}\b", Path(spec.origin).read_text()))


@every_document
def test_make_targets_that_are_named_exist(document):
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = document.read_text()
    blocks = "\n".join(re.findall(r"```(.*?)```", text, re.DOTALL))
    commands = [name for name in code(text) if name.startswith("make ")]
    commands += [" ".join(line.split()[:2]) for line in blocks.splitlines() if line.startswith("make ")]
    for command in commands:
        named = takewhile(re.compile(r"[a-z][a-z0-9-]*").fullmatch, command.split()[1:])
        assert set(named) <= targets, command


@every_decision
def test_a_decision_has_the_form_and_is_in_the_index(decision):
    title, _, text = decision.read_text().partition("\n")
    number = int(decision.name.partition("-")[0])
    assert title.startswith(f"# {number}. ")
    assert not title.endswith(".")
    sections = re.findall(r"^\*\*([A-Z][^*]*)\*\*", text, re.MULTILINE)
    assert sections[:2] == ["Context.", "Decision."]
    assert any(section.startswith(("Why", "Consequences")) for section in sections)
    index = (DECISIONS / "README.md").read_text()
    assert index.count(f"[{title.removeprefix('# ')}]({decision.name}) |") == 1


def test_words_of_the_glossary_are_used():
    glossary = (ROOT / "docs" / "glossary.md").read_text()
    others = [document.read_text() for document in DOCUMENTS if document.name != "glossary.md"]
    sources = [file.read_text() for file in SERVICE.rglob("*.py")]
    text = re.sub(r"\s+", " ", " ".join(others + sources)).lower()
    for entry in re.findall(r"^- (.*?):", glossary, re.MULTILINE):
        for word in re.findall(r"\*\*(.+?)\*\*", entry):
            assert word.lower() in text, word


def test_the_changelog_keeps_to_its_form():
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert versions[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", version) for version in versions[1:])
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= CATEGORIES
