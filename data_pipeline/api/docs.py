"""`/api/docs`: the API's description as one HTML page made from its OpenAPI document; no script, no other host."""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from starlette.responses import HTMLResponse, Response

STYLE = Path(__file__).with_name("docs.css")
HEADERS = {
    "cache-control": "private, no-cache",
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
}


@cache
def _style() -> str:
    return STYLE.read_text(encoding="utf-8")


def docs_style() -> Response:
    """The page's style sheet."""
    return Response(_style(), media_type="text/css", headers={"cache-control": "private, max-age=3600"})


def docs_page(description: dict[str, Any]) -> HTMLResponse:
    """The page for an OpenAPI document: every address with parameters, a form to try it, and its answers."""
    schemas = description.get("components", {}).get("schemas", {})
    operations = [
        (path, method, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    contents = "\n".join(
        f'<li><a href="#{_anchor(path, method)}"><b>{method.upper()}</b> {escape(path)}</a> {escape(operation["summary"])}</li>'
        for path, method, operation in operations
    )
    body = "\n".join(_operation(path, method, operation) for path, method, operation in operations)
    shapes = "\n".join(_schema(name, schema) for name, schema in sorted(schemas.items()))
    title = escape(description["info"]["title"])
    html = f"""<!DOCTYPE html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="/assets/tokens.css"><link rel="stylesheet" href="/api/docs.css"></head>
<body class="api-docs"><main>
<h1>{title} <small>v{escape(description["info"]["version"])}</small></h1>
<p>{escape(description["info"].get("description", ""))}</p>
<p><a href="/api/openapi.json">openapi.json</a> · <a href="/">返回首页 · Home</a></p>
<nav aria-label="目录 · Contents"><ol>{contents}</ol></nav>
{body}
<h2 id="shapes">数据结构 · Shapes</h2>
{shapes}
</main></body></html>"""
    return HTMLResponse(html, headers=HEADERS)


def _anchor(path: str, method: str) -> str:
    return f"{method}{path.replace('/', '-')}"


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    parameters = operation.get("parameters", [])
    answers = "\n".join(
        f"<tr><td><code>{escape(code)}</code></td><td>{escape(answer.get('description', ''))}</td><td>{_answer_shape(answer)}</td></tr>"
        for code, answer in operation["responses"].items()
        if code != "422" or "Validation" not in answer.get("description", "")
    )
    return f"""<section id="{_anchor(path, method)}"><h2><b>{method.upper()}</b> {escape(path)}</h2>
<p>{escape(operation["summary"])}<br>{escape(operation.get("description", ""))}</p>
{_parameters(parameters)}{_body(operation)}{_try(path, parameters) if method == "get" else _curl(path)}
<table><thead><tr><th>状态 · Status</th><th></th><th>内容 · Content</th></tr></thead><tbody>{answers}</tbody></table></section>"""


def _parameters(parameters: list[dict[str, Any]]) -> str:
    if not parameters:
        return ""
    rows = "\n".join(
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{'必填 · required' if one.get('required') else '可选 · optional'}</td>"
        f"<td>{_type(one['schema'])}</td><td>{escape(one.get('description', ''))}</td></tr>"
        for one in parameters
    )
    return f"<table><thead><tr><th>参数 · Parameter</th><th></th><th>类型 · Type</th><th>说明 · Meaning</th></tr></thead><tbody>{rows}</tbody></table>"


def _body(operation: dict[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        return ""
    kind, described = next(iter(content.items()))
    schema = described["schema"]
    return f"<p><code>{escape(kind)}</code></p>{_properties(schema)}"


def _try(path: str, parameters: list[dict[str, Any]]) -> str:
    fields = "\n".join(_field(one) for one in parameters)
    return f'<form method="get" action="{escape(path)}" target="_blank">{fields}<button type="submit">试用 · Try</button></form>'


def _field(one: dict[str, Any]) -> str:
    name, required = escape(one["name"]), " required" if one.get("required") else ""
    schema = one["schema"]
    if "enum" in schema:
        options = "".join(
            f"<option{' selected' if word == schema.get('default') else ''}>{escape(word)}</option>" for word in schema["enum"]
        )
        return f'<label>{name}<select name="{name}">{options}</select></label>'
    example = next(iter(schema.get("examples", [])), schema.get("default", ""))
    if not one.get("required") and not example:
        return ""  # an empty optional field would be sent as an empty value
    return f'<label>{name}<input name="{name}" value="{escape(str(example))}"{required}></label>'


def _curl(path: str) -> str:
    return (
        f"<pre>curl -u 用户名 -F city=420700 -F dataset=charging_stations -F file=@stations.csv "
        f"http://127.0.0.1:8050{escape(path)}</pre>"
    )


def _answer_shape(answer: dict[str, Any]) -> str:
    return "<br>".join(
        f"<code>{escape(kind)}</code> {_type(content.get('schema', {}))}" for kind, content in answer.get("content", {}).items()
    )


def _schema(name: str, schema: dict[str, Any]) -> str:
    if name in ("HTTPValidationError", "ValidationError"):
        return ""
    return f'<section id="shape-{escape(name)}"><h3>{escape(name)}</h3><p>{escape(schema.get("description", ""))}</p>{_properties(schema)}</section>'


def _properties(schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = "\n".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{_type(one)}</td>"
        f"<td>{'' if name in required else '可选 · optional '}{escape(one.get('description', ''))}</td></tr>"
        for name, one in schema.get("properties", {}).items()
    )
    return f"<table><tbody>{rows}</tbody></table>"


def _type(schema: dict[str, Any]) -> str:
    """A JSON schema in a few words, with links to the shapes it names."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#shape-{name}">{name}</a>'
    if "anyOf" in schema:
        return " | ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(word))}</code>" for word in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    if schema.get("type") == "array":
        inner: dict[str, Any] = schema.get("items") or next(iter(schema.get("prefixItems", [])), {})
        return f"[{_type(inner)}]"
    return escape(schema.get("type", ""))
