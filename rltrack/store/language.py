"""Filters as text, for the command line, the page and `Api.runs`.

    config.lr < 1e-3 and state = finished and (tags has baseline or name ~ "^ppo")
    max(eval/mean_reward) >= 400 and not exists(config.ablation) and created_at > 2d ago

    filter      = all { "or" all }
    all         = one { "and" one }
    one         = "not" one | "(" filter ")" | "exists" "(" field ")" | field operator value
                | field [ "not" ] "in" "(" value { "," value } ")"
    operator    = "=" "==" "!=" "<" "<=" ">" ">=" | "~" "!~" (a regular expression) | "has"
    field       = of a run | config.<key> | summary.<key> | min max mean last count nan first_step
                  last_step min_step max_step (<metric>); with odd letters in quotes: "config.my key"
    value       = number | true false none | "text" | word | <number>(s|m|h|d|w) ago

It becomes the dict that MongoDB and W&B would take, so both mean the same.
"""

from __future__ import annotations

import difflib
import re
import time
from typing import Any, Final, NoReturn

from rltrack.errors import UsageError
from rltrack.store.query import AGGREGATES, field_reader

_SIGNS: Final = {
    "=": "$eq", "==": "$eq", "!=": "$ne", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte",
}  # fmt: skip
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<sign>==|!=|<=|>=|!~|[=<>~(),])
      | (?P<word>[^\s"'=<>~!(),]+)
    )""",
    re.VERBOSE,
)
_NUMBER: Final = re.compile(r"[+-]?(\d[\d_]*)?\.?\d*([eE][+-]?\d+)?|[+-]?(inf|nan)")
_AGE: Final = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_WORDS: Final = {"true": True, "false": False, "none": None, "null": None}


def parse_filter(text: str) -> dict[str, Any]:
    """A filter as a dict.

    Raises:
        UsageError: the text is no filter; the message shows where.
    """
    return _Parser(text).whole() if text.strip() else {}


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str, int]] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                self._fail(
                    at + len(text[at:]) - len(text[at:].lstrip()), "this is no part of a filter"
                )
            kind = found.lastgroup or ""
            self._tokens.append((kind, found[kind], found.start(kind)))
            at = found.end()
        self._at = 0

    def whole(self) -> dict[str, Any]:
        found = self._any()
        if self._at < len(self._tokens):
            self._fail(self._tokens[self._at][2], "expected `and`, `or`, or the end")
        return found

    # -- what joins filters --------------------------------------------------------------------

    def _any(self) -> dict[str, Any]:
        parts = [self._all()]
        while self._takes("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else {"$or": parts}

    def _all(self) -> dict[str, Any]:
        parts = [self._one()]
        while self._takes("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else {"$and": parts}

    def _one(self) -> dict[str, Any]:
        if self._takes("not"):
            return {"$nor": [self._one()]}
        if self._takes("("):
            found = self._any()
            self._expect(")")
            return found
        if self._peek() == "exists" and self._peek(1) == "(":
            self._at += 2
            field = self._field()
            self._expect(")")
            return {field: {"$exists": True}}
        return self._comparison(self._field())

    def _comparison(self, field: str) -> dict[str, Any]:
        where = self._where()
        sign = self._next("an operator, such as = or <")
        if sign in _SIGNS:
            return {field: {_SIGNS[sign]: self._value()}}
        if sign in ("~", "!~"):
            pattern = {"$regex": str(self._value())}
            return {field: pattern if sign == "~" else {"$not": pattern}}
        if sign == "has":
            return {field: {"$eq": self._value()}}
        if sign == "not" and self._takes("in"):
            return {field: {"$nin": self._values()}}
        if sign == "in":
            return {field: {"$in": self._values()}}
        self._fail(
            where, f"expected an operator after {field}: = != < <= > >= ~ !~ has, in, not in"
        )

    # -- fields and values ---------------------------------------------------------------------

    def _field(self) -> str:
        where = self._where()
        name = self._next("a field")
        if self._peek() == "(" and name in AGGREGATES:
            self._at += 1
            metric = self._next("a metric")
            self._expect(")")
            name = f"{name}({metric})"
        try:
            field_reader(name)
        except UsageError as mistake:
            tried = [f"config.{name}", f"summary.{name}", f"max({name})"]
            near = difflib.get_close_matches(
                name, ["state", "name", "tags", "group", "created_at"], 1
            )
            hint = ", ".join([*near, *tried]) if "." not in name else str(mistake)
            self._fail(where, f"runs have no field {name!r}; did you mean {hint}?")
        return name

    def _values(self) -> list[Any]:
        self._expect("(")
        found = [self._value()]
        while self._takes(","):
            found.append(self._value())
        self._expect(")")
        return found

    def _value(self) -> Any:
        where = self._where()
        kind = self._tokens[self._at][0] if self._at < len(self._tokens) else ""
        word = self._next("a value")
        if kind == "text":
            return word
        if kind == "sign":
            self._fail(where, "expected a value")
        if (age := _AGE.fullmatch(word)) and self._takes("ago"):
            return time.time() - float(age[1]) * _UNIT_S[age[2]]
        if word.lower() in _WORDS:
            return _WORDS[word.lower()]
        if _NUMBER.fullmatch(word) and any(letter.isdigit() or letter in "nN" for letter in word):
            try:
                return int(word)
            except ValueError:
                return float(word)
        return word

    # -- tokens --------------------------------------------------------------------------------

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        if at >= len(self._tokens) or self._tokens[at][0] == "text":
            return ""
        return self._tokens[at][1]

    def _takes(self, word: str) -> bool:
        if self._peek().lower() != word:
            return False
        self._at += 1
        return True

    def _expect(self, sign: str) -> None:
        if not self._takes(sign):
            self._fail(self._where(), f"expected {sign!r}")

    def _next(self, what: str) -> str:
        if self._at >= len(self._tokens):
            self._fail(len(self._text), f"expected {what}")
        kind, found, _ = self._tokens[self._at]
        self._at += 1
        return re.sub(r"\\(.)", r"\1", found[1:-1]) if kind == "text" else found

    def _where(self) -> int:
        return self._tokens[self._at][2] if self._at < len(self._tokens) else len(self._text)

    def _fail(self, at: int, told: str) -> NoReturn:
        raise UsageError(f"filter: {told}\n  {self._text}\n  {' ' * at}^")
