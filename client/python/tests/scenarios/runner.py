"""Runs a scenario: its steps, and the comparison of their results."""

from __future__ import annotations

import asyncio
import os
import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lakeport.aio import Client
from lakeport.errors import LakeportError
from lakeport.lakectl import Credentials
from scenarios.cancellations import Cancellations
from scenarios.content import difference
from scenarios.operations import Operations, OwnError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scenarios.fixture import Sandbox

_DEFAULT = "default"
_TIMEOUT = 60.0
"""Seconds, as the client's own default."""


class Runner:
    """One run of a scenario."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self._sandbox = sandbox
        self._folder = folder
        self._endpoint = f"grpc://{sandbox.address}"
        self._variables: dict[str, Any] = {
            "address": sandbox.address,
            "key": sandbox.key,
            "secret": sandbox.secret,
            "folder": str(folder),
        }
        self._clients: dict[str, dict[str, Any]] = {_DEFAULT: {"key": sandbox.key, "secret": sandbox.secret}}
        self._open: dict[tuple[str, int | None], Client] = {}
        self._background: list[asyncio.Task[None]] = []

    async def run(self, steps: list[dict[str, Any]]) -> None:
        """Raises an error that names the step, if its result is not as expected."""
        try:
            await self._steps(steps)
            for task in self._background:
                await task
            open_calls = (await self._do_calls({"rpc": ""}))["open"]
            assert open_calls == 0, f"{open_calls} calls are open after the scenario"
        finally:
            for client in self._open.values():
                await client.close()

    async def _steps(self, steps: list[dict[str, Any]]) -> None:
        for step in steps:
            await self._step(step)

    async def _step(self, raw: dict[str, Any]) -> None:
        # The steps inside are resolved when they run.
        nested = {"steps": raw["steps"]} if "steps" in raw else {}
        step = {name: self._resolved(value) for name, value in raw.items() if name != "steps"} | nested
        began = time.monotonic()
        try:
            found = await self._called(step)
        except (LakeportError, OwnError, asyncio.CancelledError) as error:
            found = _failure(error)
            if "fails" not in step:
                raise AssertionError(f"{_shown(step)}: {error!r}") from error
            wrong = difference(_expected(step["fails"]), found, "error")
        else:
            if "fails" in step:
                raise AssertionError(f"{_shown(step)}: succeeded with {found!r:.300}")
            wrong = difference(step.get("expect", {}), found)
            for variable, field in step.get("save", {}).items():
                self._variables[variable] = found[field]
        elapsed = (time.monotonic() - began) * 1000
        if wrong is None and elapsed > step.get("within_ms", 1e9):
            wrong = f"took {elapsed:.0f} ms"
        assert wrong is None, f"{_shown(step)}: {wrong}"

    async def _called(self, step: dict[str, Any]) -> dict[str, Any]:
        of_fixture = getattr(self, f"_do_{step['do']}", None)
        if of_fixture is not None:
            return dict(await of_fixture(step))
        return await self._operation(step)

    async def _operation(self, step: dict[str, Any]) -> dict[str, Any]:
        client = self._client(step.get("client", _DEFAULT), step.get("timeout_ms"))
        operations = Operations(client, self._sandbox.repository, self._steps, self._variables)
        call = getattr(operations, step["do"], None)
        assert call is not None, f"this client has no {step['do']}"
        if "cancel_after_ms" not in step:
            return dict(await call(step))
        task = asyncio.ensure_future(call(step))
        await asyncio.wait([task], timeout=step["cancel_after_ms"] / 1000)
        task.cancel()
        return dict(await task)

    def _client(self, name: str, timeout_ms: int | None) -> Client:
        if (name, timeout_ms) not in self._open:
            self._open[name, timeout_ms] = self._made(self._clients[name], timeout_ms)
        return self._open[name, timeout_ms]

    def _made(self, how: dict[str, Any], timeout_ms: int | None) -> Client:
        credentials = None
        if "token" in how:
            credentials = Credentials.token(how["token"])
        elif "key" in how:
            credentials = Credentials.key_pair(how["key"], how["secret"])
        endpoint = how.get("endpoint", None if "env" in how else self._endpoint)
        timeout = _TIMEOUT if timeout_ms is None else timeout_ms / 1000
        with _environment(how.get("env", {}), self._folder):
            return Client(endpoint, credentials, timeout=timeout)

    async def _do_connect(self, step: dict[str, Any]) -> dict[str, Any]:
        if not {"key", "token", "env", "anonymous"} & step.keys():
            step |= {"key": self._sandbox.key, "secret": self._sandbox.secret}
        self._clients[step["as"]] = step
        self._client(step["as"], None)
        return {}

    async def _do_store_file(self, step: dict[str, Any]) -> dict[str, Any]:
        (self._folder / step["name"]).write_text(step["text"])
        return {}

    async def _do_fault(self, step: dict[str, Any]) -> dict[str, Any]:
        fault: dict[str, Any] = {name: step[name] for name in ("rpc", "skip", "times", "action") if name in step}
        await asyncio.to_thread(self._sandbox.arm, fault)
        return {}

    async def _do_clear_faults(self, _: dict[str, Any]) -> dict[str, Any]:
        await asyncio.to_thread(self._sandbox.clear_faults)
        return {}

    async def _do_calls(self, step: dict[str, Any]) -> dict[str, Any]:
        calls = await asyncio.to_thread(self._sandbox.calls)
        for _ in range(100):
            if calls["open"] == 0:
                break
            # A call that a client has ended ends at the server a moment later.
            await asyncio.sleep(0.01)
            calls = await asyncio.to_thread(self._sandbox.calls)
        return {"count": calls["calls"].get(step["rpc"], 0), "open": calls["open"]}

    async def _do_restart(self, step: dict[str, Any]) -> dict[str, Any]:
        restarting = asyncio.create_task(asyncio.to_thread(self._sandbox.restart, step.get("down_ms", 0)))
        if step.get("background", False):
            self._background.append(restarting)
            # The next step begins when the server is down.
            await asyncio.sleep(0.05)
        else:
            await restarting
        return {}

    async def _do_cancel_repeatedly(self, step: dict[str, Any]) -> dict[str, Any]:
        repeated = Cancellations(step, self._operation)
        await repeated.run()
        await self._do_calls({"rpc": ""})
        return repeated.result()

    async def _do_wait(self, step: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(step["ms"] / 1000)
        return {}

    async def _do_for_each(self, step: dict[str, Any]) -> dict[str, Any]:
        for values in step["values"]:
            self._variables |= dict(zip(step["variables"], values, strict=True))
            await self._steps(step["steps"])
        return {}

    def _resolved(self, value: Any) -> Any:
        """Returns the value with the variables in its strings replaced."""
        if isinstance(value, dict):
            return {name: self._resolved(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._resolved(item) for item in value]
        if not isinstance(value, str):
            return value
        if re.fullmatch(r"\$\w+", value):
            return self._variables[value[1:]]
        return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda found: str(self._variables[found[1] or found[2]]), value)


def _failure(error: BaseException) -> dict[str, Any]:
    if isinstance(error, asyncio.CancelledError):
        return {"code": "CANCELLED"}
    if isinstance(error, OwnError):
        return {"message": str(error)}
    assert isinstance(error, LakeportError)
    delay = error.retry_delay
    return {
        "code": error.code.name,
        "reason": error.reason,
        "message": str(error),
        "paths": list(error.paths),
        "fields": [violation.field for violation in error.field_violations],
        "retry_after_ms": None if delay is None else round(delay * 1000),
    }


def _expected(fails: dict[str, Any]) -> dict[str, Any]:
    return {name: {"has": value} if name == "message" else value for name, value in fails.items()}


def _shown(step: dict[str, Any]) -> str:
    shown = {name: value for name, value in step.items() if name not in {"expect", "save", "fails", "steps"}}
    return f"{shown!r:.300}"


@contextmanager
def _environment(variables: dict[str, str], home: Path) -> Iterator[None]:
    """Sets environment variables, and removes all others that configure clients."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(("LAKECTL_", "LAKEPORT_")):
            del os.environ[name]
    os.environ |= {"HOME": str(home), **variables}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before
