"""What requests say, as pydantic models: they validate, and unknown members are ignored."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr
from pydantic_core import PydanticCustomError

from linkage.models import ResultType

MOST_PARTIES = 32_767


def _storable(text: str) -> str:
    """Refuse what PostgreSQL cannot keep in a text: NUL, and half a surrogate pair."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise PydanticCustomError("text", "a text cannot hold NUL characters or lone surrogates")
    return text


Text = Annotated[StrictStr, AfterValidator(_storable)]


class Body(BaseModel):
    """A request's body."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class ProjectBody(Body):
    """POST /projects."""

    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    result_type: ResultType
    number_parties: Annotated[StrictInt, Field(ge=2, le=MOST_PARTIES)] = 2
    name: Text = ""
    notes: Text = ""
    uses_blocking: StrictBool = False


class RunBody(Body):
    """POST /projects/{project_id}/runs."""

    threshold: StrictFloat
    name: Text = ""
    notes: Text = ""


class FileBody(Body):
    """An object of the uploads bucket. Its endpoint is never dialled: the service knows its own store."""

    bucket: StrictStr
    path: StrictStr


class StoredBody(Body):
    """A file that was put in the object store. The credentials that clients send along are ignored."""

    file: FileBody


class ClksBody(Body):
    """POST /projects/{project_id}/clks with the encodings themselves."""

    clks: list[Any]


class EncodingsBody(Body):
    """POST /projects/{project_id}/clks with the encodings themselves, or with where they were put."""

    encodings: StoredBody | list[Any]
