"""The console in a real browser: what is written by hand is taken, and nothing begins or ends at one press."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest_twisted
from playwright.sync_api import sync_playwright
from twisted.internet.threads import deferToThread

from gateway.domain.action import Circle
from tests.loopback.http_client import Served


def _visit(url: str) -> list[str]:
    """What the page says on the way from sign-in to a closed action."""
    told: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("pageerror", lambda error: told.append(str(error)))
        page.goto(url)
        page.fill("[name=token]", "anna-secret")
        page.click("form button")
        for name, text in (("title", "Inbraak"), ("message", "Let op."), ("lat", "52,1"), ("lon", "east")):
            page.fill(f"#compose [name={name}]", text)
        page.click("#compose button.primary")
        page.wait_for_selector("#compose .fault:not([hidden])")
        page.fill("[name=lon]", "5,2")
        told.append("fault gone" if page.is_hidden("#compose .fault") else "fault stays")
        page.fill("[name=expires]", "2030-01-01T10:00")
        page.click("#compose button.primary")
        for button, after in (("[data-do=start]", "active"), (".danger", "closing")):
            page.click(f"#action-a1 {button}")
            told.append(page.inner_text(f"#action-a1 {button}"))
            page.click(f"#action-a1 {button}")
            page.wait_for_selector(f"#action-a1.{after}")
        browser.close()
    return told


@pytest_twisted.ensureDeferred
async def test_the_console_asks_twice_and_takes_a_comma(tmp_path: Path) -> None:
    served = Served(tmp_path)
    await served.start()
    try:
        told = await deferToThread(_visit, served.url)
    finally:
        await served.stop()
    assert told == [
        "fault gone",
        "Press again to alert 120 by sms, 120 by voice",
        "Press again to close: 210 were reached, 30 stop unreached",
    ]
    draft = next(view.action.draft for view in served.engine.saved.values())
    assert draft.area == Circle(52.1, 5.2, 1000)
    assert draft.expires_at is not None
