"""What an IT manager does for a branch's router in the portal, in a real browser."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Page


@dataclass(frozen=True, slots=True)
class BranchPages:
    """The pages of one branch, for somebody who has signed in. `site` is the branch's identifier,
    `name` what pages call it, `address` the portal's."""

    page: Page
    address: str
    site: str
    name: str

    def code(self) -> str:
        """Press the button for a code of the router; the code that is shown."""
        self.page.goto(f"{self.address}/branches/{self.site}")
        self.page.locator("form[action$='/code'] button").click()
        return self.page.locator("#router-code").inner_text()

    def row(self) -> tuple[str, str]:
        """The branch's state and line in use, as the page of all branches has them."""
        self.page.goto(f"{self.address}/branches/")
        cells = self.page.locator("tbody tr").filter(has_text=self.name).locator("td")
        return cells.nth(1).inner_text().strip(), cells.nth(2).inner_text().strip()

    def text(self) -> str:
        """All that the branch's own page says."""
        self.page.goto(f"{self.address}/branches/{self.site}")
        return self.page.locator("main").inner_text()
