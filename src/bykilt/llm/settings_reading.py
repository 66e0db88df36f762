"""From what is written in the file of settings to the settings: addresses, amounts, and what contradicts itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from bykilt.documents.door import ProblemList
from bykilt.documents.problems import nearest, pointer_to
from bykilt.errors import InvalidInput
from bykilt.llm.breaker import BreakerSettings
from bykilt.llm.budgets import Budgets, Limit, OwnerLimits
from bykilt.llm.money import dollars, parts_of
from bykilt.llm.policy import memory_bytes
from bykilt.llm.presets import PRESETS
from bykilt.llm.providers import LOCAL, Price, Provider
from bykilt.llm.rates import Rate
from bykilt.llm.retry import RetrySettings
from bykilt.llm.settings import CacheSettings, ContainerSettings, LLMSettings, Rates
from bykilt.network.addresses import AddressKind, kind_of
from bykilt.network.host_names import canonical_host, is_localhost, literal_address

if TYPE_CHECKING:
    from bykilt.llm.settings_file import (
        BudgetsModel,
        ContainerModel,
        LimitModel,
        OwnerLimitsModel,
        PriceModel,
        ProviderModel,
        RateModel,
        RatesModel,
        SettingsModel,
    )


def settings_of(model: SettingsModel, problems: ProblemList) -> LLMSettings | None:
    """Return the settings; None after noting what is wrong with them."""
    before = len(problems.found)
    providers = {name: _provider(name, given, problems) for name, given in model.providers.items()}
    if LOCAL in providers:
        problems.add(f"/providers/{LOCAL}", f"{LOCAL!r} is the model in the container", "give it another name")
    _check_order(model.use, {LOCAL, *providers}, problems)
    budgets = _budgets(model.budgets, problems)
    container = _container(model.container, problems)
    known = {name: provider for name, provider in providers.items() if provider is not None}
    if budgets.count_money:
        _check_prices(known, problems)
    if len(problems.found) > before:
        return None
    return LLMSettings(
        providers=known,
        use=tuple(model.use),
        budgets=budgets,
        rates=_rates(model.rates, known),
        cache=CacheSettings(
            model.cache.mode == "exact", model.cache.ttl_s, model.cache.max_entries, model.cache.max_mib << 20
        ),
        retry=RetrySettings(model.retry.attempts, model.retry.first_s, model.retry.most_s),
        breaker=BreakerSettings(model.breaker.failures, model.breaker.open_s),
        when_unavailable=model.when_unavailable,
        container=container,
    )


def _container(given: ContainerModel, problems: ProblemList) -> ContainerSettings:
    try:
        memory_bytes(given.memory)
    except InvalidInput:
        problems.add("/container/memory", f"{given.memory!r} is no amount of memory", "give at least 64m, such as 512m")
    return ContainerSettings(
        runtime=given.runtime,
        memory=given.memory,
        cpus=given.cpus,
        engine=given.engine,
        containers=given.containers,
    )


def _check_order(use: list[str], known: set[str], problems: ProblemList) -> None:
    for place, name in enumerate(use):
        if name not in known:
            problems.add(f"/use/{place}", f"there is no provider {name!r}", nearest(name, sorted(known), "there are"))
        elif name in use[:place]:
            problems.add(f"/use/{place}", f"{name!r} is there twice", "take one away")


def _check_prices(providers: Mapping[str, Provider], problems: ProblemList) -> None:
    for name, provider in providers.items():
        for model, price in provider.models.items():
            if price is None:
                problems.add(
                    pointer_to("/providers", name, "models", model),
                    "there is a budget in money, and this model has no price",
                    "write what it costs, such as {prompt: 0.15, completion: 0.60}, or 0 where it costs nothing",
                )


def _provider(name: str, given: ProviderModel, problems: ProblemList) -> Provider | None:
    place = pointer_to("/providers", name)
    before = len(problems.found)
    preset = PRESETS[given.kind] if given.kind is not None else None
    url = given.url or (preset.url if preset is not None else None)
    if url is None:
        problems.add(place, "neither its kind nor its url is there", "add one: kind: openai, or url: https://…")
        return None
    is_private = given.allow_private
    if is_private is None:
        is_private = preset is not None and preset.is_private
    _check_url(url, pointer_to(place, "url"), given, is_private, problems)
    models = {
        model: _price(price, pointer_to(place, "models", model), problems) for model, price in given.models.items()
    }
    for header in given.extra_headers:
        if header.lower() in (given.auth_header.lower(), "authorization", "host", "content-length", "cookie"):
            problems.add(pointer_to(place, "extra_headers", header), "this header is not free to choose")
    if len(problems.found) > before:
        return None
    return Provider(
        name=name,
        url=url.rstrip("/"),
        models=models,
        secret=given.secret,
        auth_header=given.auth_header,
        auth_scheme=given.auth_scheme,
        allow_private=is_private,
        max_request_bytes=given.max_request_bytes,
        max_answer_bytes=given.max_answer_bytes,
        requests_per_minute=given.requests_per_minute,
        tokens_per_minute=given.tokens_per_minute,
        extra_headers=dict(given.extra_headers),
        max_tokens_parameter=given.max_tokens_parameter,
        unsupported=frozenset(given.unsupported),
    )


def _check_url(url: str, place: str, given: ProviderModel, is_private: bool, problems: ProblemList) -> None:
    hint = "such as https://models.example/v1"
    try:
        parts = urlsplit(url)
        host = canonical_host(f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or "")
        is_port = parts.port != 0
    except (ValueError, InvalidInput) as error:
        problems.add(place, f"{url!r} cannot be used: {error}", hint)
        return
    if parts.scheme not in ("http", "https") or not is_port:
        problems.add(place, f"{url!r} is no address of http or https", hint)
    elif _has_more_than_a_path(parts):
        problems.add(place, f"{url!r} has more than scheme, host, port and path", "a key belongs into the vault")
    elif _leads_inside(host) and not is_private:
        problems.add(place, f"{url!r} leads to this machine or a private network", "allow that: allow_private: true")
    elif parts.scheme == "http" and given.secret is not None and not _is_this_machine(host):
        problems.add(place, f"the key would go to {host!r} in the clear", "use https")


def _has_more_than_a_path(parts: SplitResult) -> bool:
    segments = parts.path.split("/")
    is_plain = parts.path.isascii() and parts.path.isprintable() and not set(parts.path) & set(" %\\")
    return bool(parts.username or parts.password or parts.query or parts.fragment) or ".." in segments or not is_plain


def _leads_inside(host: str) -> bool:
    address = literal_address(host)
    return is_localhost(host) if address is None else kind_of(address) is not AddressKind.PUBLIC


def _is_this_machine(host: str) -> bool:
    address = literal_address(host)
    return is_localhost(host) if address is None else kind_of(address) is AddressKind.LOOPBACK


def _price(given: PriceModel | None, place: str, problems: ProblemList) -> Price | None:
    if given is None:
        return None
    try:
        return Price(dollars(given.prompt), dollars(given.completion))
    except InvalidInput as error:
        problems.add(place, error.message, error.hint)
        return None


def _budgets(given: BudgetsModel, problems: ProblemList) -> Budgets:
    owners = {
        name: _owner_limits(limits, pointer_to("/budgets/owners", name), problems)
        for name, limits in given.owners.items()
    }
    return Budgets(
        run=_limit(given.run, "/budgets/run", problems),
        day=_limit(given.day, "/budgets/day", problems),
        owner=_owner_limits(given.owner, "/budgets/owner", problems),
        owners=owners,
    )


def _owner_limits(given: OwnerLimitsModel, place: str, problems: ProblemList) -> OwnerLimits:
    return OwnerLimits(
        run=_limit(given.run, f"{place}/run", problems),
        day=_limit(given.day, f"{place}/day", problems),
        total=_limit(given.total, f"{place}/total", problems),
    )


def _limit(given: LimitModel | None, place: str, problems: ProblemList) -> Limit | None:
    if given is None:
        return None
    if given.tokens is None and given.usd is None:
        problems.add(place, "a budget of nothing in particular", "give it tokens, usd, or both")
        return None
    parts = None
    if given.usd is not None:
        try:
            parts = parts_of(dollars(given.usd))
        except InvalidInput as error:
            problems.add(f"{place}/usd", error.message, error.hint)
    return Limit(given.tokens, parts)


def _rates(given: RatesModel, providers: Mapping[str, Provider]) -> Rates:
    of_providers = {
        name: Rate(provider.requests_per_minute, provider.tokens_per_minute) for name, provider in providers.items()
    }
    return Rates(
        owner=_rate(given.owner),
        owners={name: _rate(rate) for name, rate in given.owners.items()},
        providers={LOCAL: _rate(given.local), **of_providers},
        wait_s=given.wait_s,
    )


def _rate(given: RateModel) -> Rate:
    return Rate(given.requests_per_minute, given.tokens_per_minute)
