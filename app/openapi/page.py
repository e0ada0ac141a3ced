"""Render the OpenAPI document as a page: one HTML file that loads nothing else."""

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from app.problems import PROBLEM

Schema = Mapping[str, Any]

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733 }
h2 { margin-top: 3rem; border-bottom: 1px solid #d5dde5 } h3 { margin: 2.5rem 0 .3rem; font-weight: 600 }
code, h3 { font-family: ui-monospace, monospace; font-size: .92em } h3 b { color: #0b5cad }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 }
td, th { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #e8edf2 }
th { font-weight: 600 } a { color: #0b5cad } small { color: #5a6b7b }
@media (prefers-color-scheme: dark) { body { background: #14191f; color: #dbe3ea } a, h3 b { color: #6cb2ff }
td, th, h2 { border-color: #2b3640 } small { color: #93a4b3 } }
"""
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def render_page(document: Mapping[str, Any]) -> str:
    """Return the whole page: HTML, with its style in it."""
    info = document["info"]
    parts = [
        f"<h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>",
        *(f"<p>{_text(paragraph)}</p>" for paragraph in info["description"].strip().split("\n\n")),
        '<p>The same for programs: <a href="openapi.json">openapi.json</a></p>',
        *_tokens(document["components"]["securitySchemes"]),
        *(part for tag in document["tags"] for part in _tag(tag["name"], document)),
        "<h2>Bodies</h2>",
        *(part for name, schema in document["components"]["schemas"].items() for part in _model(name, schema)),
    ]
    return _PAGE.format(title=escape(info["title"]), style=_STYLE, body="".join(parts))


def _tokens(schemes: Mapping[str, Any]) -> Iterator[str]:
    yield "<h2>Tokens</h2>"
    yield _table((), ([f"<code>{name}</code>", _text(scheme["description"])] for name, scheme in schemes.items()))


def _tag(tag: str, document: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2>{escape(tag.capitalize())}</h2>"
    base = document["servers"][0]["url"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                yield from _operation(f"<b>{method.upper()}</b> {escape(base + path)}", operation)


def _operation(heading: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f'<h3 id="{operation["operationId"]}">{heading}</h3><p>{_text(operation["summary"])}'
    yield f" {_text(operation.get('description', ''))}</p>"
    if tokens := [f"<code>{name}</code>" for scheme in operation["security"] for name in scheme]:
        yield f"<p>Authorization: {' or '.join(tokens)}</p>"
    headers = [parameter for parameter in operation["parameters"] if parameter["in"] == "header"]
    if headers:
        rows = ([f"<code>{escape(h['name'])}</code>", _type(h["schema"]), _text(h["description"])] for h in headers)
        yield _table(("header", "", ""), rows)
    if body := operation.get("requestBody"):
        yield f"<p>Takes {_content(body['content'])}</p>"
    yield from _answers(operation["responses"])


def _answers(responses: Mapping[str, Any]) -> Iterator[str]:
    """List the answers: each success by itself, all problems together."""
    problems = [status for status, answer in responses.items() if PROBLEM in answer.get("content", {})]
    rows = (
        [f"<code>{status}</code> {_text(answer['description'])}", _content(answer.get("content", {}))]
        for status, answer in responses.items()
        if status not in problems
    )
    yield _table((), rows)
    statuses = ", ".join(f"<code>{status}</code> {_text(responses[status]['description'])}" for status in problems)
    yield f'<p><small>Problems (<a href="#Problem">Problem</a>): {statuses}</small></p>'


def _content(content: Mapping[str, Any]) -> str:
    return ", ".join(f"{_type(body['schema'])} <small>{escape(kind)}</small>" for kind, body in content.items())


def _model(name: str, schema: Schema) -> Iterator[str]:
    yield f'<h3 id="{name}">{name}</h3><p>{_text(schema.get("description", ""))}</p>'
    required = schema.get("required", ())
    if "enum" in schema:
        yield f"<p>{_type(schema)}</p>"
    rows = (
        [
            f"<code>{escape(member)}</code>{'' if member in required else ' <small>optional</small>'}",
            _type(described),
            _text(described.get("description", "")),
        ]
        for member, described in schema.get("properties", {}).items()
    )
    yield _table((), rows)


def _type(schema: Schema) -> str:
    """Describe the type of a value in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{name}">{name}</a>'
    for several in ("oneOf", "anyOf"):
        if several in schema:
            return " or ".join(_type(one) for one in schema[several])
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in values)
    kind = escape(str(schema.get("type", "anything")))
    if kind == "array":
        items = schema["prefixItems"] if "prefixItems" in schema else [schema.get("items", {})]
        return f"[{', '.join(_type(item) for item in items)}{'' if 'prefixItems' in schema else ', ...'}]"
    return kind


def _table(headings: Iterable[str], rows: Iterable[list[str]]) -> str:
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{f'<tr>{head}</tr>' if head else ''}{lines}</table>" if lines else ""


def _text(text: str) -> str:
    """Render a sentence of the document; text between backquotes is code."""
    parts = escape(" ".join(text.split())).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))
