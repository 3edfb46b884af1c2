"""Grammar of the fixed part of a model, checked before anything works on it: what is no formula ends at once.

    sum         = ["+" | "-"] product { ("+" | "-") product }
    product     = interaction { ("*" | "/") interaction }
    interaction = power { ":" power }
    power       = atom { ("^" | "**") whole number }
    atom        = column | `column` | center(column) | 0 | 1 | "(" sum ")"

A column without backticks is a name as in Python, perhaps with points. Beside the grammar, the length of the text, the
depth of its parentheses and the number of terms it stands for are bounded: `(a + b + c)^20` is 3 486 784 401 products.
"""

import keyword
import re

from cuecircuit.errors import DesignError

LONGEST = 2000  # letters; the fixed part of a published model has tens
_DEEPEST = 20
_MOST_TERMS = 1000
_TOKEN = re.compile(
    r"\s*(?:(?P<word>[^\W\d][\w.]*)|(?P<quoted>`[^`]+`)|(?P<number>[0-9]+(?![\w.]))|(?P<sign>\*\*|[-+*/:^(),]))"
)
_END = ""


def check_formula(part: str, text: str) -> None:
    """Check a sum of terms.

    Args:
        part: the sum.
        text: the whole formula, for the message.

    Raises:
        DesignError: it is not one, or stands for too many terms.
    """
    reading = _Reading(_tokens(part, text), text)
    reading.sum(0)
    if reading.next != _END:
        raise reading.unexpected("a sign between terms, or the end")


def _tokens(part: str, text: str) -> list[str]:
    tokens, at = [], 0
    end = len(part.rstrip())
    while at < end:
        match = _TOKEN.match(part, at)
        if match is None:
            raise DesignError(
                f"formula '{text}': found {part[at:].strip()[:20]!r}, expected columns, center(column) and the signs "
                "+ - * : / ^ ( ); a column with other letters in its name goes in `backticks`"
            )
        tokens.append(match[0].strip())
        at = match.end()
    return [*tokens, _END]


class _Reading:
    """A pass over the tokens; each method reads one rule and returns the most terms that it can stand for."""

    def __init__(self, tokens: list[str], text: str) -> None:
        self.tokens, self.text, self.at = tokens, text, 0

    @property
    def next(self) -> str:
        return self.tokens[self.at]

    def take(self, *signs: str) -> str | None:
        if self.next not in signs:
            return None
        self.at += 1
        return self.tokens[self.at - 1]

    def unexpected(self, expected: str) -> DesignError:
        here = f"'{self.next}'" if self.next else "the end"
        return DesignError(f"formula '{self.text}': found {here} after '{' '.join(self.tokens[: self.at])}', "
                           f"expected {expected}")  # fmt: skip

    def bounded(self, n_terms: int) -> int:
        if n_terms > _MOST_TERMS:
            raise DesignError(f"formula '{self.text}': stands for more than {_MOST_TERMS} terms; write fewer")
        return n_terms

    def sum(self, depth: int) -> int:
        self.take("+", "-")
        n_terms = self.product(depth)
        while self.take("+", "-"):
            n_terms = self.bounded(n_terms + self.product(depth))
        return n_terms

    def product(self, depth: int) -> int:
        n_terms = self.interaction(depth)
        while sign := self.take("*", "/"):
            other = self.interaction(depth)
            n_terms = self.bounded(n_terms + other + (n_terms * other if sign == "*" else 0))
        return n_terms

    def interaction(self, depth: int) -> int:
        n_terms = self.power(depth)
        while self.take(":"):
            n_terms = self.bounded(n_terms * self.power(depth))
        return n_terms

    def power(self, depth: int) -> int:
        n_terms = self.atom(depth)
        while self.take("^", "**"):
            if not self.next.isdecimal() or not 1 <= len(self.next) <= 3 or int(self.next) == 0:
                raise self.unexpected("a whole number from 1 to 999, such as 2")
            if n_terms == 1 and int(self.next) > 1:
                raise DesignError(
                    f"formula '{self.text}': a power of one term is that term, no square as in I(x^2); put the square "
                    "into the table as a column of its own"
                )
            # so many products are made, of which few differ
            n_terms = self.bounded(n_terms ** int(self.tokens[self.at]))
            self.at += 1
        return n_terms

    def atom(self, depth: int) -> int:
        if self.take("("):
            if depth == _DEEPEST:
                raise DesignError(f"formula '{self.text}': parentheses inside one another more than {_DEEPEST} deep")
            n_terms = self.sum(depth + 1)
            self.close()
            return n_terms
        word = self.next
        if self.tokens[self.at : self.at + 2] == ["center", "("]:
            self.at += 2
            self.column()
            self.close()
        elif word[:1].isdecimal():
            in_product = {"*", "/", ":"} & {self.tokens[self.at - 1], self.tokens[self.at + 1]}
            if in_product or not self.take("0", "1"):
                raise self.unexpected("a column (of numbers, 0 and 1 alone are terms)")
        else:
            self.column()
        return 1

    def column(self) -> None:
        word = self.next
        if word[:1].isalpha() and self.tokens[self.at + 1] == "(":
            raise DesignError(
                f"formula '{self.text}': found the function {word}(), expected columns and center(column); put other "
                "transformations into the table, and name labels among the factors"
            )
        plain = all(part.isidentifier() and not keyword.iskeyword(part) for part in word.split("."))
        if not plain and not word.startswith("`"):
            raise self.unexpected("a column (in `backticks` if its name has other letters or is a word of Python)")
        self.at += 1

    def close(self) -> None:
        if not self.take(")"):
            raise self.unexpected("a closing parenthesis")
