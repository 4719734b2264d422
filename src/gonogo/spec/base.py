"""The base of every model, and the scalar types that carry units."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from gonogo.core.quantity import parse_quantity


class Spec(BaseModel):
    """What is asked: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _in_unit(unit: str, example: str) -> Any:
    def convert(value: Any) -> float:
        quantity = parse_quantity(value)
        if quantity.unit != unit:
            raise ValueError(f"{value!r} needs a unit, for example {example}")
        return float(quantity.value)

    return convert


def _written(description: str, example: str) -> Any:
    return WithJsonSchema({"type": "string", "description": description, "examples": [example]})


def _fraction(value: Any) -> float:
    quantity = parse_quantity(value)
    if quantity.unit not in {"", "1"} or not 0 <= quantity.value <= 1:
        raise ValueError(f"{value!r} is not a fraction between 0 and 1, for example 5%")
    return float(quantity.value)


Seconds = Annotated[float, BeforeValidator(_in_unit("s", "30s")), _written("a duration with unit", "30s")]
Bytes = Annotated[float, BeforeValidator(_in_unit("B", "512MiB")), _written("a size with unit", "512MiB")]
PerSecond = Annotated[float, BeforeValidator(_in_unit("1/s", "50/s")), _written("a rate with unit", "50/s")]
Fraction = Annotated[float, BeforeValidator(_fraction), _written("a fraction or percentage", "5%")]
