"""Selenium with chromedriver, waiting explicitly as its documentation says."""

from __future__ import annotations

import shutil
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as expected
from selenium.webdriver.support.ui import WebDriverWait

from bench.subject import Subject


class SeleniumDriver:
    """Synchronous underneath; nothing else runs in this process."""

    async def start(self, chromium: str) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        options.add_argument("--headless=new")
        options.add_argument("--window-size=1280,720")
        self._driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))

    async def stop(self) -> None:
        self._driver.quit()

    async def navigate(self, url: str) -> None:
        self._driver.get(url)

    async def click(self, selector: str) -> None:
        self._driver.find_element(By.CSS_SELECTOR, selector).click()

    async def fill(self, selector: str, text: str) -> None:
        field = self._driver.find_element(By.CSS_SELECTOR, selector)
        field.clear()
        field.send_keys(text)

    async def evaluate(self, expression: str) -> Any:
        return self._driver.execute_script(f"return {expression}")

    async def screenshot(self) -> bytes:
        return bytes(self._driver.get_screenshot_as_png())

    async def wait_for(self, selector: str) -> None:
        WebDriverWait(self._driver, 10, poll_frequency=0.01).until(
            expected.visibility_of_element_located((By.CSS_SELECTOR, selector))
        )

    async def text(self, selector: str) -> str:
        return str(self._driver.find_element(By.CSS_SELECTOR, selector).text)


def make() -> Subject:
    """Return the driver."""
    return SeleniumDriver()
