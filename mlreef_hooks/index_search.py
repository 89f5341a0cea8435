"""Which modules are meant by a search: by their listing lines, without their documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlreef_hooks.index import Document
from mlreef_hooks.problems import did_you_mean


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is looked for; all of it must be so, and what is empty or None counts for nothing.

    `words`, in any case, are parts of a name, title, description, kind, data type, author or tag;
    `author` is a part of the author's name. `inputs` and `outputs` are words of `DATA_TYPES`.
    """

    words: Sequence[str] = ()
    kind: str = ""
    inputs: Sequence[str] = ()
    outputs: Sequence[str] = ()
    author: str = ""
    tags: Sequence[str] = ()
    base: str = ""
    gpu: bool | None = None


NOTHING = Query()


def matching(lines: Sequence[Document], query: Query) -> list[Document]:
    """The lines that a query means, in their order.

    A line of an older program does not say who wrote a module, its tags, its base and whether it
    needs a GPU: whoever asks for that does not get it.
    """
    words = [word.casefold() for word in query.words]
    return [
        line for line in lines if _has_facts(line, query) and _has_words(line, words)
    ]  # fmt: skip


def _has_facts(line: Document, query: Query) -> bool:
    author, tags = line.get("author") or "", line.get("tags", ())
    return (
        query.kind in ("", line["kind"])
        and {*query.inputs} <= {*line["inputs"]}
        and {*query.outputs} <= {*line["outputs"]}
        and query.author.casefold() in author.casefold()
        and {tag.casefold() for tag in query.tags} <= {*tags}
        and query.base in ("", line.get("base"))
        and query.gpu in (None, line.get("gpu"))
    )


def _has_words(line: Document, words: Sequence[str]) -> bool:
    if not words:
        return True
    parts = [f"{line['namespace']}/{line['name']}", line["title"], line["description"]]
    parts += [line["kind"], *line["inputs"], *line["outputs"]]
    text = "\n".join((*parts, line.get("author") or "", *line.get("tags", ()))).casefold()
    return all(word in text for word in words)


def known(word: str, words: Mapping[str, str]) -> str:
    """What one of `words` means, in any case; ValueError with a hint where it is none of them."""
    meanings = {each.casefold(): meaning for each, meaning in words.items()}
    if word.casefold() not in meanings:
        raise ValueError(did_you_mean(word, list(dict.fromkeys(words.values()))))
    return meanings[word.casefold()]
