"""Looks at the page of `zerogr serve` as people with a keyboard and a screen reader meet it.

    python3 tests/browser/page.py http://127.0.0.1:7700 "a query" [AXE]

needs `pip install playwright` and a Chromium (`CHROMIUM`, or /usr/bin/chromium). With the path of axe-core's
`axe.min.js`, its rules are checked too. The index has to answer the query with several documents.
"""

import os
import sys

from playwright.sync_api import sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")


def focused(page):
    """What has the focus: its tag, name or text."""
    return page.evaluate(
        "() => { const e = document.activeElement;"
        " return [e.tagName, e.name || e.innerText.trim() || e.getAttribute('aria-label')] }"
    )


def main(address, query, axe=None):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for scheme in ["light", "dark"]:
            # axe is a script, which the page itself does not allow.
            context = browser.new_context(
                java_script_enabled=True, color_scheme=scheme, bypass_csp=axe is not None
            )
            page = context.new_page()
            asked, said = [], []
            page.on("request", lambda request: asked.append(request.url))
            page.on("console", lambda message: said.append(message.text))
            page.goto(address)
            assert focused(page) == ["INPUT", "q"], focused(page)
            page.keyboard.type(query)
            page.keyboard.press("Enter")
            page.wait_for_url("**/?q=*")
            order = []
            page.keyboard.press("Tab")
            for _ in range(8):
                order.append(focused(page))
                page.keyboard.press("Tab")
            names = [name for _, name in order]
            assert names[0].startswith("Skip to"), order
            assert names[1:5] == ["q", "where", "mode", "Search"], order
            assert names[5].startswith("Show how"), order
            tree = page.locator("body").aria_snapshot()
            for part in ["search", "searchbox", "main", "heading", "list", "combobox"]:
                assert part in tree, f"{part} is not in what a screen reader is told:\n{tree}"
            page.get_by_text("Show how they were decoded").click()
            assert page.locator("svg[role=img][aria-label]").count() == 1
            page.locator("summary").press("Enter")
            assert page.locator("table caption").is_visible()
            pages = [page.url, page.locator(".hits a").first.evaluate("a => a.href")]
            for url in pages:
                page.goto(url)
                foreign = [one for one in asked if not one.startswith((address, "data:"))]
                assert not foreign and not said, (foreign, said)
                if axe:
                    page.evaluate(open(axe, encoding="utf-8").read())
                    found = page.evaluate("axe.run().then(result => result.violations)")
                    rules = [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found]
                    assert not rules, (scheme, url, rules)
            context.close()
        without = browser.new_context(java_script_enabled=False).new_page()
        without.goto(f"{address}/?q={query}")
        assert without.locator(".hits li").count() > 1
        without.set_viewport_size({"width": 360, "height": 640})
        for more in ["", "&walk=1"]:
            without.goto(f"{address}/?q={query}{more}")
            wide = without.evaluate("document.documentElement.scrollWidth")
            assert wide <= 360, f"the page is {wide} pixels wide on a telephone"
        browser.close()
    print("the page is as it should be")


if __name__ == "__main__":
    main(*sys.argv[1:])
