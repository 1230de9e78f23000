"""Refusals the service makes on purpose. Floor 0.

    Refusal                code (stable, in docs/errors.md)  HTTP
    ├─ BadInput            "bad_input"                       422
    ├─ NotSignedIn         "not_signed_in"                   401
    ├─ NotAllowed          "not_allowed"                     403
    ├─ NotFound            "not_found"                       404
    ├─ Conflict            "conflict"                        409
    ├─ TooLarge            "too_large"                       413
    ├─ TooMany             "too_many"                        429
    └─ Unavailable         "unavailable"                     503

A refusal is an answer, not a fault: it is shown to the client and never logged as an error.
Anything else that is raised is a fault and becomes a 500 with no detail. Each package derives its
own (handoff.queue.AlreadyClaimed); only api/problems.py turns one into HTTP or a socket frame.
"""


class Refusal(Exception):
    """Base of every expected "no". ``str(refusal)`` is safe to show to the client."""

    code = "refused"
    status = 400


class BadInput(Refusal):
    code = "bad_input"
    status = 422


class NotSignedIn(Refusal):
    code = "not_signed_in"
    status = 401


class NotAllowed(Refusal):
    code = "not_allowed"
    status = 403


class NotFound(Refusal):
    code = "not_found"
    status = 404


class Conflict(Refusal):
    code = "conflict"
    status = 409


class TooLarge(Refusal):
    code = "too_large"
    status = 413


class TooMany(Refusal):
    """``retry_after`` is in seconds."""

    code = "too_many"
    status = 429

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(Refusal):
    code = "unavailable"
    status = 503
