"""Errors of the service, in the words of the domain.

``LinkageError`` is the root. An error knows nothing of HTTP: `app.problems` gives each its status, and a test proves
that none is forgotten. Every message is written for the person who reads it; none holds a token, a credential or an
encoding.

    LinkageError
    ├── AccessDenied            the token does not open this project or run
    ├── InvalidRequest          a value of the request is out of range
    │   └── MalformedRequest    the request cannot be understood
    ├── TooLargeToReturn        the request would be kept, but could not be told back
    ├── BlockingMismatch        the upload does not fit the project's blocking setting
    ├── TokenAlreadyUsed        this party has another upload already
    ├── NoUploadYet             this party has no upload, in whatever state
    ├── ObjectPathNotAllowed    the announced object is outside of the party's own folder
    ├── ProjectHasErrors        an upload failed, so no run can be posted
    ├── IdempotencyKeyReused    another run was posted with the same key
    ├── RunNotComplete          the run has no result yet
    ├── RunFailed               the run ended in an error and never has a result
    ├── TooManyCandidates       the run has more candidate pairs than a run may have
    ├── UploadRejected          the uploaded data differs from the announcement, or is invalid
    ├── CredentialsNotOffered   this deployment issues no temporary credentials
    ├── DatabaseUnavailable     PostgreSQL is waking up, or cannot be reached
    ├── DownstreamUnavailable   S3, SQS or STS failed in all retries
    └── ProgressUnavailable     Redis is unavailable; callers carry on without it
"""

from collections.abc import Sequence

MOST_REASONS = 10
"""Failed uploads that one message names at most."""


class LinkageError(Exception):
    """Root of this service's errors. An error with a `title` shows it to clients, as the original does."""

    title: str | None = None


class AccessDenied(LinkageError):
    """The token does not open this project or run; the message does not say which part is wrong."""

    def __init__(self) -> None:
        super().__init__("Invalid access token or project doesn't exist")


class InvalidRequest(LinkageError):
    """A value of the request is out of range, or does not fit the others."""


class MalformedRequest(InvalidRequest):
    """The request cannot be understood: the original's framework refused these, and gave them a title."""

    title = "Bad Request"


class TooLargeToReturn(LinkageError):
    """What the request describes is larger than a response can be, so that nobody could read it again."""

    def __init__(self, size_bytes: int, most_bytes: int) -> None:
        super().__init__(
            f"Described again, this would be a response of {size_bytes} bytes, quotes and line breaks counted as two, "
            f"where {most_bytes} are possible: send a smaller schema, or a shorter name or shorter notes"
        )


class BlockingMismatch(LinkageError):
    """The upload does not fit the project's blocking setting."""


class TokenAlreadyUsed(LinkageError):
    """The party has uploaded its encodings already, and they are not those that it sends now."""

    def __init__(self) -> None:
        super().__init__("This token has already been used to upload clks.")


class NoUploadYet(LinkageError):
    """The party has not uploaded anything."""

    def __init__(self) -> None:
        super().__init__("This party has not uploaded anything yet")


class ObjectPathNotAllowed(LinkageError):
    """The announced object lies outside of the party's own folder in the uploads bucket."""

    def __init__(self) -> None:
        super().__init__("Provided object store path is not allowed")


class ProjectHasErrors(LinkageError):
    """An upload of the project failed, so no run can be posted until it is uploaded again."""

    def __init__(self, reasons: Sequence[str]) -> None:
        told = [*reasons[:MOST_REASONS]]
        if len(reasons) > MOST_REASONS:
            told.append(f"and {len(reasons) - MOST_REASONS} more uploads failed")
        super().__init__(f"Can't post run as project has errors: {'; '.join(told)}")


class IdempotencyKeyReused(LinkageError):
    """The key belongs to another request, so that it is not known which of the two is meant."""

    def __init__(self) -> None:
        super().__init__("Another run was posted with this Idempotency-Key: send the same body again, or another key")


class RunNotComplete(LinkageError):
    """The run has no result yet."""

    def __init__(self) -> None:
        super().__init__("run is not complete")


class RunFailed(LinkageError):
    """The run ended in an error, so it never has a result."""

    def __init__(self) -> None:
        super().__init__("Error during computation of run")


class TooManyCandidates(LinkageError):
    """The run has, or is expected to have, more candidate pairs than a run may have."""

    def __init__(self, count: str, limit: int, threshold: float, fitting_threshold: float | None = None) -> None:
        advice = f"{fitting_threshold} or above would fit" if fitting_threshold else f"it must be above {threshold}"
        super().__init__(
            f"This run has created more than the global limit of candidate pairs: {count}, allowed are {limit:,}."
            f" Post a run with a higher threshold: {advice}."
        )


class UploadRejected(LinkageError):
    """The uploaded data differs from the announcement, or is invalid; uploading it unchanged again cannot help."""


class CredentialsNotOffered(LinkageError):
    """The deployment issues no temporary credentials: clients send to the API instead."""

    title = "Feature Disabled"

    def __init__(self) -> None:
        super().__init__("Retrieving temporary object store credentials feature disabled")


class DatabaseUnavailable(LinkageError):
    """PostgreSQL cannot be reached: it sleeps while nobody needs it, and is waking up. Trying again helps."""

    def __init__(self) -> None:
        super().__init__("The database is waking up; please try again")


class DownstreamUnavailable(LinkageError):
    """An AWS service throttled the request or was unreachable in all retries."""

    def __init__(self) -> None:
        super().__init__("The service is too busy; please try again")


class ProgressUnavailable(LinkageError):
    """Redis is unavailable. Callers carry on without it."""
