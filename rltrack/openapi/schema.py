"""JSON Schema of the types in which shapes are written.

A `TypedDict` is an object that others refer to by its name, and its docstring says what it is;
``Annotated[int, Says("rows that were lost", minimum=0)]`` adds words of JSON Schema to a type. All of a TypedDict's keys
are required but those that are `NotRequired`, and there may be others besides.
"""

from __future__ import annotations

import types
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

JsonSchema = dict[str, Any]

_PLAIN: Final[dict[object, JsonSchema]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    None: {"type": "null"},
    types.NoneType: {"type": "null"},
    Any: {},
}


class Says:
    """What JSON Schema says of a type besides.

    Args:
        description: what it means.
        words: of JSON Schema.
    """

    def __init__(self, description: str | None = None, **words: object) -> None:
        self.words = ({"description": description} if description else {}) | words


class Schemas:
    """Makes schemas, and keeps those that have names."""

    def __init__(self) -> None:
        self.named: dict[str, JsonSchema] = {}
        self._types: dict[str, object] = {}

    def of(self, shape: Any) -> JsonSchema:
        """The schema of a type."""
        if shape in _PLAIN:
            return dict(_PLAIN[shape])
        if is_typeddict(shape):
            return self._reference(shape)
        origin, inner = get_origin(shape), get_args(shape)
        if origin is Annotated:
            return self.of(inner[0]) | {
                key: one for said in inner[1:] for key, one in said.words.items()
            }
        if origin is Literal:
            return {"enum": list(inner)}
        if origin is list:
            return {"type": "array", "items": self.of(inner[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(inner[1])}
        if origin in (Union, types.UnionType):
            return self._any_of([self.of(one) for one in inner])
        raise TypeError(f"no JSON Schema is known of {shape!r}")

    def properties(self, shape: Any) -> dict[str, tuple[JsonSchema, bool]]:
        """The schema of each key of a TypedDict, and whether it is required."""
        found = {}
        for name, hint in get_type_hints(shape, include_extras=True).items():
            optional = get_origin(hint) is NotRequired
            found[name] = (self.of(get_args(hint)[0] if optional else hint), not optional)
        return found

    def _reference(self, shape: Any) -> JsonSchema:
        name: str = shape.__name__
        if name not in self.named:
            self.named[name], self._types[name] = {}, shape  # a shape may have itself in it
            properties = self.properties(shape)
            self.named[name] = {
                "type": "object",
                "description": (shape.__doc__ or "").strip(),
                "properties": {key: schema for key, (schema, _) in properties.items()},
                "required": [key for key, (_, required) in properties.items() if required],
            }
        assert self._types[name] is shape, f"two shapes are called {name}"
        return {"$ref": f"#/components/schemas/{name}"}

    @staticmethod
    def _any_of(schemas: list[JsonSchema]) -> JsonSchema:
        if all(schema.keys() == {"type"} for schema in schemas):
            return {"type": [schema["type"] for schema in schemas]}
        return {"anyOf": schemas}
