"""The one exception that is meant for people, and how a full disk is told."""

import errno

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # of a disk, an account, a file


class PublishError(Exception):
    """Something a person can fix: `message` says what is wrong, `hint` what to do about it.

    `passing` is true where trying again later may do (engine down, disk full, registry away).
    """

    def __init__(self, message: str, hint: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.passing = passing


class EngineGoneError(PublishError):
    """A container engine died or does not answer: another one may do what was asked of it."""


def is_full(error: OSError) -> bool:
    """True where nothing could be written because there is no room for it."""
    return error.errno in _FULL
