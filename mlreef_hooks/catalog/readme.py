"""A README as HTML: Markdown without HTML of its own, without pictures, with links to the web only.

Of Markdown it is CommonMark with tables and strikethrough, by markdown-it-py.
"""

import html
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from mlreef_hooks.plain_text import plain, plain_lines

_WEB = re.compile(r"https?://[^\s]+", re.IGNORECASE)
_SECTION = 2  # the level of the heading that a README is below
Tokens = Sequence[Token]


def readme_html(text: str, form: str) -> str:
    """HTML that holds nothing of a stranger's but text, and links to the web."""
    if form != "markdown" or not text:
        return text and f'<pre tabindex="0">{html.escape(plain_lines(text))}</pre>'
    # Once more behind it, for what was written as a character reference.
    return plain_lines(str(_markdown().render(plain_lines(text), {"level": _SECTION})))


class _Markdown(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802
        """True: what leads elsewhere than to the web is shown as text; see link_open."""
        return True


@cache
def _markdown() -> MarkdownIt:
    markdown = _Markdown("commonmark", {"html": False}, renderer_cls=_Renderer)
    return markdown.enable(["table", "strikethrough"])


def _said(tokens: Tokens) -> str:
    """What can be read of them."""
    return plain("".join(token.content for token in tokens))


class _Renderer(RendererHTML):
    """Renders one README; `env` holds what its end tags are."""

    def heading_open(self, tokens: Tokens, index: int, options: Any, env: Any) -> str:
        """A heading at most one level below the one before it; none where it says nothing."""
        if not _said(tokens[index + 1].children or ()):
            env["heading"] = "p"
        else:
            env["level"] = min(int(tokens[index].tag[1]) + _SECTION, env["level"] + 1, 6)
            env["heading"] = f"h{env['level']}"
        return f"<{env['heading']}>"

    def heading_close(self, tokens: Tokens, index: int, options: Any, env: Any) -> str:
        """Its end."""
        return f"</{env['heading']}>\n"

    def link_open(self, tokens: Tokens, index: int, options: Any, env: Any) -> str:
        """A link to the web; of any other only the text stays."""
        url = str(tokens[index].attrs["href"])
        env["link"] = "a" if _WEB.fullmatch(url) else "span"
        if env["link"] == "span":
            return "<span>"
        end = next(i for i in range(index, len(tokens)) if tokens[i].type == "link_close")
        named = "" if _said(tokens[index + 1 : end]) else html.escape(url)
        return f'<a href="{html.escape(url)}" rel="nofollow noopener noreferrer">{named}'

    def link_close(self, tokens: Tokens, index: int, options: Any, env: Any) -> str:
        """Its end."""
        return f"</{env['link']}>"

    def image(self, tokens: Tokens, index: int, options: Any, env: Any) -> str:
        """What a picture shows, in words: nothing is loaded from elsewhere."""
        words = html.escape(tokens[index].content)
        return f'<span class="no-picture">[picture{": " if words else ""}{words}]</span>'

    def fence(self, tokens: Tokens, index: int, options: Any, env: Any) -> str:
        """Code, which the keyboard can scroll."""
        return f'<pre tabindex="0"><code>{html.escape(tokens[index].content)}</code></pre>\n'

    def code_block(self, tokens: Tokens, index: int, options: Any, env: Any) -> str:
        """The same, indented."""
        return self.fence(tokens, index, options, env)

    def table_open(self, tokens: Tokens, index: int, options: Any, env: Any) -> str:
        """A table, which the keyboard can scroll."""
        return '<div class="wide" tabindex="0">\n<table>\n'

    def table_close(self, tokens: Tokens, index: int, options: Any, env: Any) -> str:
        """Its end."""
        return "</table>\n</div>\n"

    def th_open(self, tokens: Tokens, index: int, options: Any, env: Any) -> str:
        """The head of a column; one that says nothing is none."""
        env["head"] = 'th scope="col"' if _said(tokens[index + 1].children or ()) else "td"
        return f"<{env['head']}>"

    def th_close(self, tokens: Tokens, index: int, options: Any, env: Any) -> str:
        """Its end."""
        return f"</{env['head'][:2]}>\n"

    def td_open(self, tokens: Tokens, index: int, options: Any, env: Any) -> str:
        """A cell, without the style that Markdown may ask for."""
        return "<td>"
