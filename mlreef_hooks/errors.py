"""The one exception that is meant for people."""


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
