"""The JSON that a vLLM configuration class accepts, as plain data read from its pydantic validator.

A shape is one of these, or a list of alternatives:

    "int" "float" "bool" "str" "null" "object"     as pydantic reads them; "int>=0" has a bound
    {"of": {FIELD: shape, ...}}                     a configuration class, which allows no other field
    {"list": shape}
    {"values": [...]}                               one of these
    {"names": [...]}                                one of these words in any case; with "dashes": true also
                                                    with dashes for underscores
    "any"                                           only vLLM's own code can validate it

A field that vLLM's own code preprocesses is tried out: it keeps its shape if an invalid value is rejected and
every listed value is accepted.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic import TypeAdapter

Shape = Any

PLAIN = {"int", "float", "bool", "str"}
BOUNDS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
THROUGH = {"default", "definitions", "function-after"}
NONSENSE = "no_such_word"


def shape(config: type) -> Shape:
    """The shape of a configuration class."""
    schema: Any = TypeAdapter(config).core_schema
    known = {one["ref"]: one for one in schema.get("definitions", ()) if "ref" in one}
    return _Reader(known).read(schema)


class _Reader:
    def __init__(self, known: dict[str, Any]) -> None:
        self._known = known
        self._inside: tuple[str, ...] = ()

    def read(self, schema: Any) -> Shape:
        kind = schema["type"]
        if kind in THROUGH:
            return self.read(schema["schema"])
        if kind in PLAIN:
            return kind + "".join(f"{sign}{schema[key]}" for key, sign in BOUNDS.items() if key in schema)
        if kind == "nullable":
            return _either([self.read(schema["schema"]), "null"])
        if kind == "union":
            return _either(
                [self.read(one[0] if isinstance(one, tuple) else one) for one in schema["choices"]]
            )
        if kind in ("list", "set"):
            return {"list": self.read(schema["items_schema"])}
        if kind == "dict":
            return "object"
        if kind == "literal":
            return {"values": list(schema["expected"])}
        if kind == "definition-ref" and schema["schema_ref"] not in self._inside:
            self._inside += (schema["schema_ref"],)
            return self.read(self._known[schema["schema_ref"]])
        if kind == "enum":
            return {"values": [one.value for one in schema["members"] if isinstance(one.value, int | str)]}
        if kind == "function-wrap" and "_skip_none_validation" in str(schema["function"]):
            return _either([self.read(schema["schema"]), "null"])
        if kind == "dataclass":
            return self._of_class(schema["cls"], schema["schema"])
        return "any"

    def _of_class(self, config: type, schema: Any) -> Shape:
        while schema["type"] != "dataclass-args":
            schema = schema["schema"]
        fields = [field for field in schema["fields"] if field.get("init", True) is not False]
        return {"of": {field["name"]: self._field(config, field) for field in fields}}

    def _field(self, config: type, field: Any) -> Shape:
        schema = field["schema"]
        nullable = False
        while schema["type"] in ("default", "function-wrap"):
            nullable |= schema["type"] == "function-wrap"
            schema = schema["schema"]
        if schema["type"] != "function-before":
            return self.read(field["schema"])
        found = self._tried(config, field["name"], schema["schema"])
        return _either([found, "null"]) if nullable else found

    def _tried(self, config: type, name: str, schema: Any) -> Shape:
        """The shape of a field with a validator function, found by trying values."""
        adapter = TypeAdapter(config)

        def takes(value: Any) -> bool:
            try:
                adapter.validate_json(json.dumps({name: value}))
            except Exception:  # noqa: BLE001 - whatever vLLM's function raises, the value is rejected
                return False
            return True

        if takes(NONSENSE):
            return "any"
        null = ["null"] if takes(None) else []
        if schema["type"] == "nullable":
            schema = schema["schema"]
        if schema["type"] == "dataclass":
            known_only = takes({}) and not takes({NONSENSE: 1})
            return _either([self.read(schema), *null]) if known_only else "any"
        if schema["type"] == "literal":
            words, others = list(schema["expected"]), []
        elif schema["type"] == "enum":
            words = [one.name for one in schema["members"]]
            others = [one.value for one in schema["members"] if isinstance(one.value, int)]
        else:
            return "any"
        if not all(takes(spelt) for word in words for spelt in (word.upper(), word.lower())):
            return "any"
        names: Shape = {"names": words}
        if all(takes(word.replace("_", "-")) for word in words):
            names["dashes"] = True
        return _either([names, *([{"values": others}] if others else []), *null])


def _either(shapes: list[Shape]) -> Shape:
    flat: list[Shape] = []
    for one in shapes:
        flat += [inner for inner in (one if isinstance(one, list) else [one]) if inner not in flat]
    return "any" if "any" in flat else flat[0] if len(flat) == 1 else flat
