"""The API from a terminal: requests with the token, and every failure as one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import httpx

from gateway.commands.invocation import CommandFailed, Invocation

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 60.0


class Api:
    """One daemon. Use it as a context manager."""

    def __init__(self, url: str, token: str, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url
        self._client = httpx.Client(
            base_url=f"{url}/api/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS),
            transport=transport,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """The JSON answer. Raises CommandFailed with what the daemon said was wrong."""
        try:
            response = self._client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        return answer_of(response)

    def stream(self, method: str, path: str, **options: Any) -> Iterator[str]:
        """The lines of an answer, as they come."""
        try:
            with self._client.stream(method, path, **options) as response:
                if response.is_error:
                    response.read()
                    answer_of(response)
                yield from response.iter_lines()
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def every(self, path: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Each item of a list, page after page."""
        after: str | None = None
        while True:
            page = self.ask("GET", path, params={**parameters, **({"after": after} if after else {})})
            yield from page["items"]
            after = page["next"]
            if after is None:
                return

    def alive(self) -> bool:
        """Whether a daemon answers there at all."""
        try:
            return self._client.get(f"{self.url}/healthz", timeout=_CONNECT_SECONDS).is_success
        except httpx.HTTPError:
            return False

    def _unreachable(self, error: httpx.HTTPError) -> CommandFailed:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return CommandFailed(f"no daemon answers at {self.url}; start it with `burgernet run -c FILE`")
        if isinstance(error, httpx.TimeoutException):
            return CommandFailed(f"the daemon at {self.url} did not answer in time")
        return CommandFailed(f"the connection to {self.url} failed: {error or type(error).__name__}")


def api(invocation: Invocation) -> Api:
    return Api(invocation.url(), invocation.token())


def answer_of(response: httpx.Response) -> Any:
    """JSON, or the sentence of a problem (RFC 9457)."""
    try:
        answer = response.json()
    except ValueError as error:
        raise CommandFailed(f"{response.url} is no burgernet daemon (HTTP {response.status_code})") from error
    if response.is_success:
        return answer
    if not isinstance(answer, dict):
        raise CommandFailed(f"the daemon refused with HTTP {response.status_code}")
    faults = answer.get("errors") or []
    told = [f"{fault.get('pointer', fault.get('parameter', ''))}: {fault['detail']}" for fault in faults]
    raise CommandFailed("; ".join(told) or str(answer.get("detail", f"HTTP {response.status_code}")))
