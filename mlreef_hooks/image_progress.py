"""How far an engine has got with an image, from what it tells meanwhile."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Report = Callable[[int, int], None]  # bytes that are there, and bytes in all
_DONE = ("Pull complete", "Already exists", "Download complete", "Verifying Checksum", "Extracting")


class PullProgress:
    """Adds up the layers of an image that is fetched (Docker Engine API, `POST /images/create`)."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._layers: dict[str, tuple[int, int]] = {}

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Take the next event of the engine."""
        layer, status = str(event.get("id", "")), event.get("status")
        detail = event.get("progressDetail") or {}
        total = detail.get("total")
        if status == "Downloading" and isinstance(total, int):
            self._layers[layer] = (int(detail.get("current", 0)), total)
        elif status in _DONE and layer in self._layers:
            self._layers[layer] = (self._layers[layer][1],) * 2
        else:
            return
        done, all_ = (sum(each) for each in zip(*self._layers.values(), strict=True))
        self._report(done, all_)


def counted_chunks(chunks: Iterable[bytes], total: int, report: Report) -> Iterator[bytes]:
    """The chunks, and how many bytes of them were taken; `total` is about how many there are."""
    done = 0
    for chunk in chunks:
        yield chunk
        done += len(chunk)
        report(min(done, total), total)
