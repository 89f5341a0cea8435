"""`verify --provenance`: what was said of a version when it was published, checked offline."""

from pathlib import Path

import click

from mlreef_hooks.errors import PublishError
from mlreef_hooks.index import Document
from mlreef_hooks.index_attachments import read_attached
from mlreef_hooks.index_audience import audience_of
from mlreef_hooks.plain_text import plain
from mlreef_hooks.provenance import Places
from mlreef_hooks.provenance_check import Attested, first_fault
from mlreef_hooks.ssh_signature import find_key, find_signer


def verify_provenance(index: Path, document: Document, version: Document, allowed: str) -> int:
    """The exit status: 0 where index entry, statement, bill and signature agree, else 1."""
    if "provenance" not in version:
        raise PublishError(
            f"{document['name']} {version['version']} has no provenance",
            "it was published without; later versions have one",
        )
    audience = index / audience_of(document["visibility"], document["namespace"])
    places = vars(Places.of(document["namespace"], document["name"], version["version"]))
    read = {key: read_attached(audience / places[key]) for key in places}
    files = {
        key: content
        for key, content in read.items()
        if content is not None and key in version["provenance"]
    }
    attested = Attested(document=document, version=version, files=files)
    fault = first_fault(attested)
    if fault:
        click.echo(f"not the same: {plain(fault)}")
        return 1
    run = attested.run()
    signer = _signer(attested, allowed)
    click.echo(f"the same: {version['image']['digest']}")
    click.echo(f"  from    {version['commit']} ({plain(version['tag'])})")
    click.echo(f"  by      {plain(run.builder)}, {plain(version['published_at'])}")
    click.echo(f"  signed  {signer}")
    return 0


def _signer(attested: Attested, allowed: str) -> str:
    """Who signed the statement, in words; PublishError where the wrong one or nobody did."""
    statement, signature = attested.files["statement"], attested.files.get("signature")
    if signature is None:
        if allowed:
            hint = "do not trust it, or ask the site why it does not sign"
            raise PublishError("the statement is not signed", hint)
        return "by nobody"
    if not allowed:
        return f"by {find_key(statement, signature)}; --allowed-signers tells whose it is"
    published_at = attested.version["published_at"]
    return f"by {find_signer(statement, signature, Path(allowed), published_at)}"
