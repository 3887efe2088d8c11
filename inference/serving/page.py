"""The pages of a server. Styles and scripts are inside them, and nothing else is allowed to run (CSP)."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import dominate
from dominate import tags
from dominate.dom_tag import dom_tag
from dominate.util import raw

from pixlate.util.web import script, web_file

from .service import Service


def policy(html: str) -> str:
    """The Content-Security-Policy of a page: its own styles and scripts by their digests, and this server."""
    sources = {}
    for name in ("style", "script"):
        contents = re.findall(rf"<{name}[^>]*>(.*?)</{name}>", html, re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in contents]
        sources[name] = " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
    return (
        f"default-src 'none'; style-src {sources['style']}; script-src {sources['script']}; connect-src 'self'; "
        "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def drawing_page(service: Service) -> str:
    """The page on which an image is opened or drawn, and its translation is seen."""
    models = [asdict(served.info) for served in service.models.values()]
    content = {"models": models, "limits": asdict(service.limits)}
    document = _document("pixlate", "page.css", "gallery.css", "serve.css")
    document.body.add(raw(web_file("serve.html")))
    code = raw(script("memory.js", "drawing.js", "serve.js"))
    document.body.add(tags.script(code, data_content=json.dumps(content)))
    return str(document.render(pretty=False))


def api_page(api: Mapping[str, Any]) -> str:
    """The OpenAPI document for people."""
    document = _document(f"{api['info']['title']} API", "page.css", "serve.css")
    lines = [tags.p(api["info"]["description"]), tags.p(tags.a("openapi.json", href="openapi.json"), " for programs")]
    lines.append(tags.p(tags.a("page", href="./"), " to draw on"))
    document.body.add(tags.header(tags.h1("API"), *lines))
    operations = [(path, way, each) for path, ways in api["paths"].items() for way, each in ways.items()]
    schemas = api.get("components", {}).get("schemas", {})
    types = [_schema(name, schema) for name, schema in schemas.items() if "properties" in schema]
    document.body.add(tags.main(*(_operation(*each) for each in operations), *types))
    return str(document.render(pretty=False))


def _document(title: str, *styles: str) -> dominate.document:
    document = dominate.document(title=title, lang="en")
    document.head.add(
        tags.meta(charset="utf-8"),
        tags.meta(name="viewport", content="width=device-width, initial-scale=1"),
        tags.meta(name="color-scheme", content="light dark"),
        tags.link(rel="icon", href="data:,"),
        tags.style(raw("".join(web_file(name) for name in styles))),
    )
    return document


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> dom_tag:
    parts = [tags.h2(f"{method.upper()} {path}"), *_paragraphs(operation.get("description", ""))]
    parameters = [(each["name"], each["in"], each.get("description", "")) for each in operation.get("parameters", [])]
    if parameters:
        parts.append(_table(("parameter", "in", "meaning"), parameters))
    body = operation.get("requestBody")
    if body:
        parts += [tags.h3("body"), tags.p(body.get("description", "")), tags.p(", ".join(body["content"]))]
    answers = [(status, each["description"], _example(each)) for status, each in operation["responses"].items()]
    parts += [tags.h3("answers"), _table(("status", "meaning", "content"), answers)]
    return tags.section(*parts, cls="operation")


def _example(answer: Mapping[str, Any]) -> str:
    content = answer.get("content", {})
    example = content.get("application/json", {}).get("example")
    if example:
        return json.dumps(example)
    schema = content.get("application/json", {}).get("schema", {})
    return schema.get("$ref", "").rpartition("/")[2] or ", ".join(content)


def _schema(name: str, schema: Mapping[str, Any]) -> dom_tag:
    rows = [(key, _type(value)) for key, value in schema["properties"].items()]
    about = _paragraphs(schema.get("description", ""))
    return tags.section(tags.h2(name), *about, _table(("name", "type"), rows), cls="operation")


def _paragraphs(text: str) -> list[dom_tag]:
    """The paragraphs, lists and examples of a docstring."""
    found: list[dom_tag] = []
    for part in filter(None, text.split("\n\n")):
        if part.startswith("- "):
            found.append(tags.ul([tags.li(item) for item in part[2:].split("\n- ")]))
        else:
            found.append(tags.pre(part.strip()) if part.startswith("    ") else tags.p(part))
    return found


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    return str(schema.get("type", "list" if "prefixItems" in schema else "any"))


def _table(headings: Sequence[str], rows: Sequence[tuple[str, ...]]) -> dom_tag:
    head = tags.thead(tags.tr([tags.th(text) for text in headings]))
    body = tags.tbody([tags.tr([tags.td(text) for text in row]) for row in rows])
    return tags.div(tags.table(head, body), cls="wide")
