"""The types that every part of a plan is made of: strict ones, so that nothing is coerced."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, StringConstraints
from pydantic_core import PydanticCustomError

# Strict by type and not by the whole model: a YAML list may stand for a tuple, but "5" not for 5, nor 1 for true.
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Flag = Annotated[bool, Strict()]
Day = Annotated[date, Strict()]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Ident = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Share = Annotated[Number, Field(ge=0, le=1)]
Inside = Annotated[Number, Field(gt=0, lt=1)]
Positive = Annotated[Number, Field(gt=0)]
Days = Annotated[Whole, Field(ge=0, le=36525)]  # a century
Count = Annotated[Whole, Field(ge=0, le=1_000_000_000)]
AtLeastOne = Annotated[Whole, Field(ge=1, le=1_000_000_000)]
Outcome_code = Annotated[Whole, Field(ge=1, le=22)]


def _code(value: Any) -> Any:
    # Before the union is tried: one sentence, rather than one for each type that it might have been.
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise PydanticCustomError(
            "code_type",
            "text or a whole number; quote true, false, a decimal or a date if it is text in the data",
        )
    return value


Code = Annotated[Text | int, BeforeValidator(_code)]


class Part(BaseModel):
    """Frozen; an unknown key is an error; types are not coerced."""

    model_config = ConfigDict(frozen=True, extra="forbid")
