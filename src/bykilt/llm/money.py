"""Money, to the last part: whole numbers of a millionth of a millionth of a US dollar.

A price of a millionth of a dollar for a million tokens is one such part for each token, so that every sum of what
calls cost is exact, in a database too. Pure.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from bykilt.errors import InvalidInput
from bykilt.llm.providers import Price

PARTS_PER_DOLLAR = 1_000_000_000_000
_MAX_DOLLARS = 1_000_000


def dollars(value: str | int | float) -> Decimal:
    """Return an amount of US dollars that a person wrote, with six decimals at most.

    Raises:
        InvalidInput: It is no such amount.
    """
    hint = "US dollars with six decimals at most, such as 0.15"
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        raise InvalidInput(f"{value!r} is no amount of money", hint=hint) from None
    if not amount.is_finite() or not 0 <= amount <= _MAX_DOLLARS:
        raise InvalidInput(f"{value!r} is not between 0 and {_MAX_DOLLARS:,} US dollars", hint=hint)
    if amount != amount.quantize(Decimal("0.000001")):
        raise InvalidInput(f"{value!r} has more than six decimals", hint=hint)
    return amount


def parts_of(amount: Decimal) -> int:
    """Return an amount of dollars in parts; nothing of one with six decimals is lost."""
    return int(amount * PARTS_PER_DOLLAR)


def cost_parts(price: Price, prompt_tokens: int, completion_tokens: int) -> int:
    """Return what a call costs, in parts."""
    per_prompt, per_completion = (int(each * 1_000_000) for each in (price.prompt, price.completion))
    return per_prompt * prompt_tokens + per_completion * completion_tokens


def in_dollars(parts: int) -> Decimal:
    """Return parts as dollars, exactly."""
    return Decimal(parts) / PARTS_PER_DOLLAR


def money_text(parts: int | None) -> str:
    """Return an amount for people: cents where that is enough, else as many decimals as tell it apart from nothing."""
    if parts is None:
        return "not known"
    amount = in_dollars(parts)
    if amount == 0 or amount >= 1:
        return f"${amount:.2f}"
    return f"${amount:.6f}" if amount >= Decimal("0.000001") else f"${amount:.12f}"
