"""The real readers of meshform's reports, one function for each form. Each raises AssertionError, or what its reader raises, where a
report is not what its reader takes, and gives back what was read."""

import functools
import json
import re
import subprocess
import tempfile
import unicodedata
from pathlib import Path
from urllib.parse import unquote

import cmarkgfm
import html5lib
import jsonschema
from cmarkgfm.cmark import Options
from prometheus_client.parser import text_string_to_metric_families

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SARIF = HERE / "node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json"


@functools.cache
def javascript() -> subprocess.Popen:
    return subprocess.Popen(["node", HERE / "readers.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def node(reader: str, given: str):
    """What a reader in JavaScript makes of a text."""
    child = javascript()
    child.stdin.write(json.dumps({"reader": reader, "text": given}) + "\n")
    child.stdin.flush()
    answer = json.loads(child.stdout.readline())
    assert "refused" not in answer, f"{reader}: {answer['refused'][:500]} of {given[:2000]}"
    return answer["told"]


def no_control(report: str) -> None:
    """Nothing moves a cursor, colours or turns the direction of a terminal's text."""
    bad = {c for c in report if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")}
    assert not bad, f"control characters {bad!r} in {next(line for line in report.split(chr(10)) if bad & set(line))!r}"


def text(report: str) -> None:
    no_control(report)
    assert report.endswith("\n")


def plain_json(report: str):
    """By `python -m json.tool`, as somebody at a shell would."""
    subprocess.run(["python3", "-m", "json.tool"], input=report, text=True, check=True, capture_output=True)
    document = json.loads(report)
    assert document["format_version"].split(".")[0] == "1"
    return document


def by_schema(document, name: str):
    schema = json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text())
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    # Of a schema that is one of several, what is wrong with the nearest.
    error = jsonschema.exceptions.best_match(validator(schema).iter_errors(document))
    assert not error, f"{name}.schema.json: {error.json_path}: {error.message[:300]}"
    return document


def sarif(report: str, folder: Path):
    document = json.loads(report)
    jsonschema.Draft7Validator(json.loads(SARIF.read_text())).validate(document)
    assert document["version"] == "2.1.0"
    for run in document["runs"]:
        rules = [rule["id"] for rule in run["tool"]["driver"].get("rules", [])]
        for result in run.get("results", []):
            assert result["ruleId"] in rules, result["ruleId"]
            # GitHub shows nothing of a result without a place, and resolves the place against the repository.
            place = result["locations"][0]["physicalLocation"]
            uri = place["artifactLocation"]["uri"]
            assert not uri.startswith("/") and (folder / unquote(uri)).is_file(), uri
            assert place["region"]["startLine"] >= 1
            # Code scanning goes by it from run to run.
            assert result.get("partialFingerprints"), "a result has no fingerprint"
            no_control(result["message"]["text"])
    return document


def prometheus(report: str):
    families = {family.name: family for family in text_string_to_metric_families(report)}
    assert "meshform_run_success" in families, sorted(families)
    for family in families.values():
        assert family.name.startswith("meshform_") and family.documentation and family.type != "unknown", family.name
        series = [tuple(sorted(sample.labels.items())) for sample in family.samples]
        assert len(series) == len(set(series)), f"{family.name} has a series twice"
    return families


def github(log: str, folder: Path):
    """Annotations and nothing else of what a runner takes for a command, at places that are there."""
    found = node("commands", log)
    for one in found:
        assert one["name"] in ("error", "warning", "notice"), f"the command {one}"
        props = one["props"]
        assert set(props) <= {"file", "line", "endLine", "col", "endColumn", "title"}, props
        assert "file" not in props or (folder / props["file"]).is_file(), f"an annotation of {props['file']}: {one}"
        no_control(one["text"].replace("\r\n", "\n"))
    for kind in ("error", "warning", "notice"):
        assert sum(one["name"] == kind for one in found) <= 11, f"more than ten and a count of {kind}"
    return found


# What a report is made of. GitHub would take away more than these, but then a reader would see half of it.
TAGS = set("html head body h1 h2 h3 h4 p ul ol li table thead tbody tr th td code pre strong em del details summary br hr a sub sup".split())


def markdown(report: str, hidden: bool = True):
    """By GitHub's own renderer and a browser's parser of HTML."""
    assert len(report) <= 65536, f"{len(report)} characters"
    first = report.split("\n", 1)[0]
    assert not hidden or re.fullmatch(r"<!-- [^<>]* -->", first), f"no hidden marker but {first!r}"
    no_control(report)
    html = cmarkgfm.markdown_to_html_with_extensions(report, options=Options.CMARK_OPT_UNSAFE, extensions=["table", "strikethrough", "autolink", "tagfilter"])
    tree = html5lib.parse(html, namespaceHTMLElements=False)
    pictures: list[str] = []

    def walk(element, in_code: bool) -> None:
        if not isinstance(element.tag, str):
            return
        assert element.tag in TAGS, f"the element {element.tag}: {html5lib.serialize(element)[:300]}"
        # cmark's own class of a fenced block's language is none of the report's doing.
        allowed = {"a": ("href",), "td": ("align",), "th": ("align",), "pre": ("lang",), "code": ("class",), "ol": ("start",)}
        odd = [name for name in element.attrib if name not in allowed.get(element.tag, ())]
        assert not odd, f"{element.tag} has {odd}"
        assert not element.get("href", "").lower().startswith(("javascript:", "data:", "vbscript:")), element.get("href")
        code = in_code or element.tag in ("code", "pre")
        for piece in [element.text if not code else None, *(child.tail for child in element if not code)]:
            mention = re.search(r"(?<![\w@/])@[A-Za-z0-9][\w-]*", piece or "")
            assert not mention, f"{mention[0]} would be told of it: {piece!r}"
        if (element.tag, element.get("class")) == ("code", "language-mermaid"):
            pictures.append("".join(element.itertext()))
        for child in element:
            walk(child, code)

    walk(tree, False)
    # Each fold is closed by the report itself and not by the end of the page.
    depth = 0
    for tag in re.findall(r"</?details", html):
        depth += -1 if tag.startswith("</") else 1
        assert depth in (0, 1), "folds within each other, or closed twice"
    assert depth == 0, "a fold is left open"
    drawn = [node("picture", picture) for picture in pictures]
    for picture in drawn:
        assert picture["kind"].startswith("flowchart"), picture["kind"]
        assert not any(one["clicks"] or one["link"] for one in picture["nodes"]), "a picture that can be clicked"
    return tree, drawn


def gitlab(report: str):
    counts = json.loads(report)
    assert set(counts) == {"create", "update", "delete"} and all(type(count) is int for count in counts.values()), counts
    return counts


def diff(report: str):
    """By git and by patch: both read every file and hunk of it."""
    no_control(report.replace("\t", " "))
    if not any(line.startswith("@@") for line in report.splitlines()):
        return []
    ended = subprocess.run(["git", "apply", "--numstat", "-"], input=report, capture_output=True, text=True, cwd=tempfile.gettempdir())
    assert ended.returncode == 0, ended.stderr
    counted = [line.split("\t") for line in ended.stdout.splitlines()]
    changes = [line for line in report.splitlines() if line[:1] in "+-" and not re.match(r"(---|\+\+\+) ", line)]
    assert sum(int(added) + int(gone) for added, gone, _ in counted) == len(changes), "git counts other lines than are there"
    return counted


def runbook(report: str) -> None:
    assert report.startswith("#!")
    no_control(report.replace("\t", " "))
    ended = subprocess.run(["bash", "-n"], input=report, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
