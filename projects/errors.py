"""Rules of the business that were not met, as errors that a person may read."""


class DomainError(Exception):
    """A rule of the business that was not met; safe to show to the user.

    A subclass gives ``code``, which clients may match on, and ``template``,
    a sentence that names what is wrong and what to do. ``params`` fill it.
    One whose instances choose their code lists those that may reach a client in ``codes``.
    ``field`` names the place in what was sent, where one is known.
    """

    code = "domain-error"
    codes: tuple[str, ...] = ()
    template = "This cannot be done."
    field = ""

    def __init__(self, **params: object) -> None:
        self.params = params
        super().__init__(self.template.format(**params))


class NotPermittedError(DomainError):
    """Raised when the actor's role does not allow the change."""

    code = "not-permitted"
    template = "Your role ({role}) may not do this. Ask an owner of the workspace."


class IllegalTransitionError(DomainError):
    """Raised when a row cannot go from its state to the wished one."""

    code = "illegal-transition"
    template = "{noun} is {state} and cannot become {wish}. Possible from here: {possible}."
