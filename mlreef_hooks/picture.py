"""PNG and JPEG by their first bytes: of which type a picture is, and how large it would be shown.

Formats: https://www.w3.org/TR/png-3/#11IHDR and ITU-T T.81, B.1.1 and B.2.2. Nothing is decoded.
"""

from dataclasses import dataclass

PICTURE_BYTES = 512 << 10
_SIDE = 8192  # pixels; a small file may ask a browser for gigabytes
_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
_JPEG = b"\xff\xd8"
# Frames of JPEG that browsers show: baseline, extended and progressive.
_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_SCAN, _END = 0xDA, 0xD9


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture: `suffix` is `png` or `jpg`, `width` and `height` are pixels."""

    suffix: str
    width: int
    height: int


def look_at_picture(content: bytes) -> Picture | None:
    """What a file is as a picture; None where it is none that a page should show."""
    if len(content) > PICTURE_BYTES:
        return None
    if content.startswith(_PNG):
        found: Picture | None = _picture("png", content[16:20], content[20:24])
    else:
        found = _look_at_jpeg(content) if content.startswith(_JPEG) else None
    fits = found is not None and all(0 < side <= _SIDE for side in (found.width, found.height))
    return found if fits else None


def _look_at_jpeg(content: bytes) -> Picture | None:
    place = 2
    while place + 9 <= len(content) and content[place] == 0xFF:
        marker, length = content[place + 1], int.from_bytes(content[place + 2 : place + 4])
        if marker in _FRAMES:
            return _picture("jpg", content[place + 7 : place + 9], content[place + 5 : place + 7])
        if marker in (_SCAN, _END) or length < 2:
            return None
        place += 2 + length
    return None


def _picture(suffix: str, width: bytes, height: bytes) -> Picture:
    return Picture(suffix=suffix, width=int.from_bytes(width), height=int.from_bytes(height))
