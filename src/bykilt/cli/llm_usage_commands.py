"""`bykilt llm providers` and `bykilt llm usage`: who is asked, what was used up, and what is left."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from bykilt.cli.amounts import Since
from bykilt.cli.output import print_json, print_lines
from bykilt.errors import BykiltError, ExitCode
from bykilt.json_types import JsonObject, JsonValue
from bykilt.settings import Settings

if TYPE_CHECKING:
    from bykilt.llm.budgets import Limit
    from bykilt.llm.providers import Price
    from bykilt.llm.settings import LLMSettings
    from bykilt.llm.standing import BudgetStanding, KeyState, ProviderStanding
    from bykilt.llm.usage import UsageLine
    from bykilt.llm.usage_store import UsageStore

GROUPINGS = ("day", "provider", "model", "owner", "run")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.command()
@click.option("--by", type=click.Choice(GROUPINGS), default="day", show_default=True, help="What to sum up by.")
@click.option("--since", type=Since(), help="Only calls since then: 12h, 7d, 2026-11-24, …")
@_json
def usage(by: str, since: float | None, as_json: bool) -> None:
    """Show what calls to models have used up, and what is left of the budgets.

    A call that goes on counts as the most that it can use; so does one whose process was killed.

    \b
    Examples:
      bykilt llm usage
      bykilt llm usage --by owner --since 7d
      bykilt llm usage --by model --json
    """
    from bykilt.llm.standing import budget_standings
    from bykilt.llm.usage import Grouping

    with _opened() as (settings, store):
        lines = store.summary(Grouping(by), since or 0.0)
        standings = list(budget_standings(settings, store, time.time()))
    if as_json:
        print_json(
            {"by": by, "usage": [_line_json(line) for line in lines], "budgets": [*map(_budget_json, standings)]}
        )
        return
    if lines:
        print_lines(_usage_table(by, lines))
    else:
        click.echo("No calls since then." if since else "No calls yet.")
    if standings:
        click.echo("")
        print_lines(_budget_table(standings))


@click.command()
@click.option("--check", is_flag=True, help="Ask each one for a single token, which counts and may cost.")
@_json
@click.pass_context
def providers(ctx: click.Context, check: bool, as_json: bool) -> None:
    """Show who may be asked, in which order, and how each one does.

    Whether a key is in the vault is shown, never the key. With `--check`, exits with 1 if one does not answer.

    \b
    Examples:
      bykilt llm providers
      bykilt llm providers --check
      bykilt llm providers --json
    """
    import anyio

    from bykilt.llm.standing import provider_standings

    with _opened() as (settings, store):
        keys = anyio.run(_keys, settings)
        checked = anyio.run(_checked, [*settings.providers, "local"]) if check else {}
        standings = list(provider_standings(settings, store, keys))
    if as_json:
        print_json({"providers": [{**_provider_json(one), **checked.get(one.name, {})} for one in standings]})
    else:
        print_lines(_provider_table(standings, checked))
        for one in standings:
            print_lines(_advice(one))
    ctx.exit(ExitCode.RUN_FAILED if any(result["error"] for result in checked.values()) else ExitCode.OK)


@contextmanager
def _opened() -> Iterator[tuple[LLMSettings, UsageStore]]:
    """Open the settings and the record of this home, which is made if it is not there."""
    from bykilt.llm.settings_file import load_settings
    from bykilt.llm.usage_store import FILE_NAME, UsageStore
    from bykilt.storage.atomic_file import make_private_dir

    home = Settings.from_environment().home
    settings = load_settings(home)
    make_private_dir(home)
    store = UsageStore(home / FILE_NAME)
    try:
        yield settings, store
    finally:
        store.close()


async def _keys(settings: LLMSettings) -> Mapping[str, KeyState]:
    from bykilt.llm.standing import key_states
    from bykilt.security.secrets_vault import get_secrets_vault

    if all(provider.secret is None for provider in settings.providers.values()):
        return {}
    return await key_states(list(settings.providers.values()), await get_secrets_vault())


async def _checked(names: Sequence[str]) -> dict[str, JsonObject]:
    """Ask each provider for one token; return what came of it and how many milliseconds it took."""
    from bykilt.llm.service_gateway import get_llm_gateway

    gateway = get_llm_gateway()
    found: dict[str, JsonObject] = {}
    try:
        for name in names:
            begun_s = time.monotonic()
            error: JsonValue = None
            try:
                context = {"provider": name, "max_tokens": 1, "deadline_s": 30.0, "owner": "check"}
                result = await gateway.invoke_llm("Hi", context)
                if result.get("disabled"):
                    error = {"code": "llm_disabled", "message": str(result["sandbox"]["problem"])}
            except BykiltError as failure:
                error = {"code": failure.code, "message": failure.message}
            found[name] = {"check_ms": round(1000 * (time.monotonic() - begun_s), 1), "error": error}
    finally:
        await gateway.shutdown()
    return found


# ---- usage


def _usage_table(by: str, lines: Sequence[UsageLine]) -> Iterator[str]:
    from bykilt.cli.text_table import columns, shortened
    from bykilt.llm.money import money_text

    head = (by.upper(), "CALLS", "ANSWERED", "CACHED", "FAILED", "KILLED", "PROMPT", "ANSWER", "COST")
    rows = [
        (
            shortened(line.key, 50),
            *(f"{count:,}" for count in (line.calls, line.answered, line.cached, line.failed, line.abandoned)),
            f"{line.prompt_tokens:,}",
            f"{line.completion_tokens:,}",
            money_text(line.parts) + (f" and {line.unpriced:,} without a price" if line.unpriced else ""),
        )
        for line in lines
    ]
    first, *rest = columns(head, rows)
    yield click.style(first, bold=True)
    yield from rest


def _budget_table(standings: Sequence[BudgetStanding]) -> Iterator[str]:
    from bykilt.cli.text_table import columns

    rows = []
    for standing in standings:
        limit, left = standing.account.limit, standing.left
        name = standing.account.name.removeprefix("the ")
        rows.append((name[:1].upper() + name[1:], _amount_words(left), _amount_words(limit)))
    first, *rest = columns(("BUDGET", "LEFT", "OF"), rows)
    yield click.style(first, bold=True)
    yield from rest


def _amount_words(limit: Limit) -> str:
    from bykilt.llm.money import money_text

    words = [] if limit.tokens is None else [f"{limit.tokens:,} tokens"]
    return ", ".join(words + ([] if limit.parts is None else [money_text(limit.parts)]))


def _line_json(line: UsageLine) -> JsonObject:
    return {
        "key": line.key,
        "calls": line.calls,
        "answered": line.answered,
        "cached": line.cached,
        "failed": line.failed,
        "abandoned": line.abandoned,
        "prompt_tokens": line.prompt_tokens,
        "completion_tokens": line.completion_tokens,
        "cost_usd": _usd(line.parts),
        "unpriced": line.unpriced,
    }


def _budget_json(standing: BudgetStanding) -> JsonObject:
    account, left = standing.account, standing.left
    return {
        "budget": str(account.scope),
        "owner": account.owner,
        "limit": {"tokens": account.limit.tokens, "usd": _usd(account.limit.parts)},
        "used": {"tokens": standing.used.tokens, "usd": _usd(standing.used.parts)},
        "left": {"tokens": left.tokens, "usd": _usd(left.parts)},
    }


def _usd(parts: int | None) -> str | None:
    """Return dollars as text, since a JSON number is not exact everywhere."""
    from bykilt.llm.money import in_dollars

    return None if parts is None else format(in_dollars(parts).normalize(), "f")


# ---- providers


def _provider_table(standings: Sequence[ProviderStanding], checked: Mapping[str, Any]) -> Iterator[str]:
    from bykilt.cli.text_table import columns, shortened

    head = ["PROVIDER", "ASKED", "WHERE", "MODELS", "KEY", "STATE", "LAST MINUTE"] + (["CHECK"] if checked else [])
    rows = []
    for one in standings:
        row = [
            one.name,
            "when named" if one.place is None else f"{one.place}.",
            one.url or "container",
            shortened(", ".join(map(_model_words, one.models.items())), 60),
            str(one.key),
            f"rests {one.rests_s:.0f} s" if one.rests_s > 0 else str(one.breaker),
            _minute_words(one),
        ]
        rows.append(row + ([_check_words(checked[one.name])] if checked else []))
    first, *rest = columns(head, rows)
    yield click.style(first, bold=True)
    yield from rest


def _model_words(model: tuple[str, Price | None]) -> str:
    name, price = model
    if price is None:
        return f"{name} (no price)"
    both = [f"${each:.2f}" if each == round(each, 2) else f"${each:f}" for each in (price.prompt, price.completion)]
    return name if not price.prompt and not price.completion else f"{name} ({'/'.join(both)})"


def _minute_words(one: ProviderStanding) -> str:
    requests, tokens = one.last_minute
    limits = (one.rate.requests, one.rate.tokens)
    shown = [
        f"{used:,}{'' if most is None else f' of {most:,}'} {what}"
        for used, most, what in zip((requests, tokens), limits, ("requests", "tokens"), strict=True)
    ]
    return ", ".join(shown)


def _check_words(result: Mapping[str, Any]) -> str:
    if result["error"]:
        return str(result["error"]["message"])
    return f"{result['check_ms']:.0f} ms"


def _advice(one: ProviderStanding) -> Iterator[str]:
    from bykilt.llm.standing import KeyState

    if one.key in (KeyState.MISSING, KeyState.BOUND_ELSEWHERE) and one.url is not None:
        origin = "/".join(one.url.split("/")[:3])
        yield f"\n{one.name}: its key is {one.key}; bykilt vault set {one.secret} --origin {origin}"


def _provider_json(one: ProviderStanding) -> JsonObject:
    models: JsonObject = {
        name: None if price is None else {"prompt": str(price.prompt), "completion": str(price.completion)}
        for name, price in one.models.items()
    }
    return {
        "name": one.name,
        "place": one.place,
        "url": one.url,
        "models": models,
        "secret": one.secret,
        "key": str(one.key),
        "breaker": str(one.breaker),
        "rests_s": round(one.rests_s, 1),
        "requests_per_minute": one.rate.requests,
        "tokens_per_minute": one.rate.tokens,
        "last_minute": {"requests": one.last_minute[0], "tokens": one.last_minute[1]},
    }
