"""A page to keep: one file, no script, nothing loaded, and a policy in it that forbids both. Floor 3.

``Html`` is text that is already safe; whatever else goes into ``tag`` is escaped.
"""

import base64
import hashlib
from collections.abc import Iterable
from html import escape


class Html(str):
    """Markup that was made here."""

    __slots__ = ()


def tag(name: str, *inside: str | None, **attributes: str) -> Html:
    """Args: attributes: ``class_`` is class, ``aria_label`` is aria-label."""
    said = "".join(f' {n.rstrip("_").replace("_", "-")}="{escape(v)}"' for n, v in attributes.items())
    return Html(f"<{name}{said}>{joined(part for part in inside if part is not None)}</{name}>")


def joined(parts: Iterable[str]) -> Html:
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts))


def table(caption: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Html:
    """The first cell of a row names it. The region scrolls on a phone, also by keyboard."""
    head = tag("tr", *(tag("th", cell, scope="col") for cell in heads))
    body = [tag("tr", *(tag("td", c) if n else tag("th", c, scope="row") for n, c in enumerate(row))) for row in rows]
    made = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))
    return tag("div", made, class_="wide", role="region", aria_label=caption, tabindex="0")


def page(title: str, *inside: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><title>{escape(title)}</title><style>{STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{joined(inside)}</main></body></html>"
    )


STYLE = """
:root { --ink: #20241f; --soft: #5a6159; --line: #d9d8d0; --paper: #fbfaf7; --card: #fff; --accent: #1f5f4e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e9e8e2; --soft: #a9aea5; --line: #3b403b; --paper: #191c19; --card: #222622; --accent: #8ccfb8; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.6 system-ui, sans-serif; }
main { max-width: 50rem; margin: 0 auto; padding: 2.5rem 1.25rem 5rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 1rem; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 2.75rem 0 .75rem; padding-top: 1.25rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.75rem 0 .5rem; }
p { margin: .5rem 0; }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .3rem 1.25rem; margin: .75rem 0; }
dt, .soft, caption { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
ol.said { list-style: none; margin: 1rem 0; padding: 0; display: grid; gap: .75rem; }
ol.said > li { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .75rem 1rem; }
ol.said > li.visitor { border-inline-start: 4px solid var(--accent); }
.who { font-size: .875rem; color: var(--soft); margin: 0 0 .25rem; }
.words { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
summary { cursor: pointer; padding: .35rem 0; }
summary:focus-visible, .wide:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .8125rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 8px; padding: .75rem; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: start; padding-bottom: .5rem; }
th, td { text-align: end; padding: .45rem .5rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child { text-align: start; }
thead th { white-space: normal; vertical-align: bottom; }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .6rem; } }
@media print { ol.said > li { break-inside: avoid; } details { display: none; } }
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
