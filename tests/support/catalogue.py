"""An index of modules with READMEs and pictures, well-meant and hostile ones, for the catalogue."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlreef_hooks.index_files import IndexFiles
from mlreef_hooks.manifest import Parameter, Resources
from mlreef_hooks.provenance import Places
from tests.index_entries import PARAMETERS, make_entry
from tests.support.trees import png

SCRIPT = "<script>window.done = 1</script>"
LONG = "w" * 3000
# Each says that it was there by one of its words, and runs `done` where a page lets it.
HOSTILE: dict[str, Any] = {
    "title": f"Evil </title></h1>{SCRIPT} {{{{ 7 * 7 }}}} \u202egnp.exe",
    "description": f'"><img src=x onerror="window.done = 1">{LONG}{{% include "x" %}}{SCRIPT}',
    "author": f"</bdi>{SCRIPT}",
    "licenses": "' onmouseover='window.done = 1",
}
README = f"""# </div>{SCRIPT}

<img src=x onerror="window.done = 1"> <svg onload="window.done = 1">
<iframe src="//elsewhere.example">

[a script](javascript:window.done=1) [data](data:text/html,{SCRIPT}) [file](file:///etc/passwd)
[good](https://good.example/?a="><script>window.done=1</script>) <javascript:window.done=1>
![pixel](https://elsewhere.example/pixel.png) &lt;script&gt; &#x202e;reversed

#### Deep

| | b |
|---|---|
| {SCRIPT} | c |

```html
</code></pre>{SCRIPT}
```
# &nbsp;
"""
PARAMETER = Parameter(
    name="evil", type="string", required=True, option="--evil",
    description=f"</p>{SCRIPT} \u202e", default="'; rm -rf / #",
    choices=(f"</option></select>{SCRIPT}", "$(reboot) `reboot` '\"", "ok"),
)  # fmt: skip


def add_module(
    index: IndexFiles,
    *,
    readme: str = "",
    picture: bytes = b"",
    tags: tuple[str, ...] = (),
    source: str | None = None,
    **entry: Any,
) -> None:
    """Add a version, named by the arguments of `make_entry`, with what it brings along."""
    namespace, name = entry.get("namespace", "vision"), entry.get("name", "add-noise")
    made = make_entry(**{"repository": f"{namespace}/{name}", **entry})
    document = json.loads(json.dumps(made.document()))
    (version,) = document["versions"]
    places = vars(Places.of(namespace, name, version["version"]))
    contents = {"readme": readme.encode(), "picture": picture}
    files = {places[key]: content for key, content in contents.items() if content}
    version["presentation"] = {
        key: {"path": places[key], "sha256": hashlib.sha256(content).hexdigest()}
        for key, content in contents.items() if content
    }  # fmt: skip
    if readme:
        version["presentation"]["readme"]["form"] = "markdown"
    if tags:
        version["tags"] = [*tags]
    index.add({**document, "source": source or document["source"]}, files)


def fill_index(root: Path, many: int = 0) -> IndexFiles:
    """An index of a few modules, one of them hostile, and of `many` others."""
    index, small = IndexFiles(root), Resources()
    add_module(index, version="1.0.0", parameters=PARAMETERS[:3])
    add_module(
        index, version="1.2.0", title="Add Noise", notes="Salt is new", resources=small,
        readme="# Add Noise\n\nAdds *noise*, see [more](https://good.example/).\n\n    code\n",
        picture=png(320, 240), tags=("noise",), source="https://git.example/vision/add-noise.git",
    )  # fmt: skip
    add_module(
        index, version="0.1", name="iris-plots", kind="data-visualization", title="Iris Plots",
        inputs=("TABULAR",), outputs=("IMAGE",), picture=png(200, 100), resources=small,
    )  # fmt: skip
    add_module(
        index, version="2.0", name="wine", namespace="tables", kind="model",
        title="Wine Classifier", inputs=("TABULAR",), outputs=("MODEL",),
        resources=Resources(gpu=True),
    )  # fmt: skip
    add_module(
        index, version="6.6", name="evil", namespace="zoo", notes=SCRIPT, readme=README,
        parameters=(*PARAMETERS[:2], PARAMETER), tags=("zoo",),
        source="javascript:window.done=1", requirements=(f"a=={SCRIPT}",),
        resources=replace(small, memory="</dd>"), entry_point=f"../../{SCRIPT}.py", **HOSTILE,
    )  # fmt: skip
    index.deprecate("tables", "wine", None, reason=f"Old {SCRIPT}", visibility="public")
    for number in range(many):
        add_module(index, version="1.0", name=f"m{number:05}", namespace=f"many/{number % 7}")
    return index
