"""The rules of the house that neither ruff nor import-linter can check.

Each exception to a rule is listed here with its reason; an exception that nothing needs any more fails too.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch

from tests.architecture._sources import PACKAGE, Source, package_sources, sources_of_tests, tracked_texts

MAX_MODULE_LINES = 450
MAX_FUNCTION_LINES = 60

# file and function: why this loop must outlive what it serves
BROAD_EXCEPT_ALLOWED = {
    "runs/executor.py:_failure_in": "a bug in one run ends that run, with its traceback in error.log, and no other",
    "runs/failures.py:write_trace": "a trace that cannot be written never fails the run it tells of",
    "events/stream.py:_deliver": "a bug in a listener disconnects that listener and never changes the run",
    "browser/cdp/connection.py:_receive": "a bug in a handler ends the connection, instead of hanging whoever waits",
}

# Plain asyncio instead of anyio, for speed on the path of every CDP message.
PLAIN_ASYNCIO_ALLOWED = {
    "browser/cdp/transport*.py",
    "browser/cdp/connection.py",
    "browser/launch/exit_watch.py",
    "browser/sandbox/attendant.py",
}

# Finer than import-linter's wildcards: the files that may import a package, at run time.
OWNERS = {
    "playwright": {"browser/engine/playwright_*.py", "trace/viewer.py"},
    "websockets": {"browser/cdp/transport*.py"},
    "yaml": {"documents/reading.py"},
    "PIL": {"browser/video/imaging.py"},
    "pyseccomp": {"browser/sandbox/seccomp_filter.py"},
    "cryptography": {
        "security/master_key.py",
        "security/envelope.py",
        "security/entry_cache.py",
        "security/sealing.py",
    },
    "boto3": {"security/aws_backend.py"},
    "botocore": {"security/aws_backend.py"},
    "docker": {"llm/docker_client.py"},
    "cyllama": {"llm/worker/cyllama_engine.py"},
    "httpcore2": {"llm/broker/http_client.py"},
    "httpx2": {"llm/worker/remote.py", "llm/worker/remote_transport.py"},
    "openai": {"llm/worker/remote.py"},
    "hvac": {"security/hashicorp_backend.py"},
    "filelock": {"security/vault_file.py"},
    "keyring": {"security/os_keyring.py"},
    "cdp_use": set[str](),  # types only: importing it takes 0.2 s and 11 MB
}

# Where the words are: to refuse Chromium's flag, and as the option that takes our own walls away and leaves Chromium's.
NO_SANDBOX_NAMED_IN = {"browser/launch/arguments.py", "cli/sandbox_options.py"}


def test_broad_except_is_left_to_the_loops_listed_here() -> None:
    """An unexpected error is a bug: it has to reach whoever can see it."""
    found = {
        f"{source.name}:{function}"
        for source in package_sources()
        for function, handler in _broad_handlers(source.tree)
        if not _reraises(handler)
    }
    assert found == set(BROAD_EXCEPT_ALLOWED)


def test_every_task_lives_in_a_task_group() -> None:
    """A bare task outlives its owner and loses its error."""
    names = {"create_task", "ensure_future", "run_coroutine_threadsafe"}
    found = [
        source.place(call)
        for source in package_sources()
        if not _matches(source.name, PLAIN_ASYNCIO_ALLOWED)
        for call in _calls(source.tree)
        if _called_name(call) in names
    ]
    assert not found


def test_asyncio_is_imported_by_the_cdp_transport_alone() -> None:
    found = [
        source.name
        for source in package_sources()
        if "asyncio" in {name for name, _ in _imports(source.tree)} and not _matches(source.name, PLAIN_ASYNCIO_ALLOWED)
    ]
    assert not found


def test_each_dependency_is_imported_by_its_owner() -> None:
    found = [
        f"{source.name} imports {name}"
        for source in package_sources()
        for name, is_typing_only in _imports(source.tree)
        if name in OWNERS and not is_typing_only and not _matches(source.name, OWNERS[name])
    ]
    assert not found


def test_the_practice_site_imports_our_errors_and_nothing_else_of_ours() -> None:
    allowed = ("bykilt.errors", "bykilt.practice")
    found = [
        f"{source.name} imports {module}"
        for source in package_sources()
        if source.name.startswith("practice/")
        for module in _imported_modules(source.tree)
        if module.startswith("bykilt") and not module.startswith(allowed)
    ]
    assert not found


def test_modules_stay_small() -> None:
    found = {
        source.name: lines for source in package_sources() if (lines := source.text.count("\n")) > MAX_MODULE_LINES
    }
    assert not found


def test_scripts_for_the_page_stay_small() -> None:
    found = {
        str(path.relative_to(PACKAGE)): lines
        for path in PACKAGE.rglob("*.js")
        if (lines := path.read_text(encoding="utf-8").count("\n")) > MAX_MODULE_LINES
    }
    assert not found


def test_functions_stay_small() -> None:
    found = {
        f"{source.place(function)} {function.name}": lines
        for source in package_sources()
        for function in _functions(source.tree)
        if (lines := (function.end_lineno or function.lineno) - function.lineno + 1) > MAX_FUNCTION_LINES
    }
    assert not found


def test_every_module_says_what_it_knows() -> None:
    found = [source.name for source in package_sources() if not ast.get_docstring(source.tree)]
    assert not found


def test_the_sandbox_of_chromium_is_never_switched_off() -> None:
    """The words may be where it is refused, where our own option has them, and nowhere else."""
    found = {
        source.name
        for source in package_sources()
        for constant in _strings_outside_docstrings(source.tree)
        if "no-sandbox" in constant
    }
    assert found == NO_SANDBOX_NAMED_IN


def test_tests_mock_nothing_of_ours() -> None:
    found = [
        source.name
        for source in sources_of_tests()
        if any(module.startswith(("unittest.mock", "mock")) for module in _imported_modules(source.tree))
    ]
    assert not found


def test_no_test_is_skipped() -> None:
    """What cannot be tested is said in tests/expectations.toml, with its reason."""
    marker = re.compile(r"mark\.(skip|skipif|xfail)\b|pytest\.(skip|importorskip)\(")
    own = {"architecture/test_boundaries.py", "support/expectations.py"}
    found = [source.name for source in sources_of_tests() if source.name not in own and marker.search(source.text)]
    assert not found


def test_nothing_is_put_off_in_a_comment() -> None:
    """What is left to do is an issue; what was done when, git knows."""
    word = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b|\bPha" r"se \d")
    found = [
        f"{name}:{number}"
        for name, text in tracked_texts()
        if not name.startswith("requirements")
        for number, line in enumerate(text.splitlines(), 1)
        if word.search(line)
    ]
    assert not found


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _called_name(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _broad_handlers(tree: ast.AST, function: str = "<module>") -> Iterator[tuple[str, ast.ExceptHandler]]:
    """Yield each handler of Exception or BaseException, with the function it is in."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type):
            yield function, node
        inside = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else function
        yield from _broad_handlers(node, inside)


def _is_broad(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(isinstance(name, ast.Name) and name.id in {"Exception", "BaseException"} for name in names)


def _reraises(handler: ast.ExceptHandler) -> bool:
    """Clean-up that lets the very same error go on swallows nothing."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _imports(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Yield the top-level package of each import, and whether only the type checker sees it."""
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        for module in _modules_of(node):
            yield module.split(".")[0], id(node) in typing_only


def _imported_modules(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        yield from _modules_of(node)


def _modules_of(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _strings_outside_docstrings(tree: ast.Module) -> Iterator[str]:
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_the_helpers_above_see_what_they_look_for() -> None:
    """A rule whose search never finds anything would pass for ever."""
    tree = ast.parse(
        '"""module"""\n'
        "if TYPE_CHECKING:\n    import cdp_use\n"
        "import asyncio.subprocess\n"
        "def f():\n    try:\n        asyncio.create_task(x)\n    except (OSError, Exception):\n        pass\n"
    )
    source = Source("x.py", "", tree)
    assert [function for function, _ in _broad_handlers(tree)] == ["f"]
    assert list(_imports(tree)) == [("asyncio", False), ("cdp_use", True)]
    assert [_called_name(call) for call in _calls(tree)] == ["create_task"]
    assert list(_strings_outside_docstrings(tree)) == []
    assert source.place(tree.body[1]) == "x.py:2"
