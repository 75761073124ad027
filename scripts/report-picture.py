#!/usr/bin/env python3
"""Takes the README's picture of a report, small: needs chromium, and Pillow, which the project does not.

uv run --with pillow scripts/report-picture.py results/reference/RUN docs/pictures/report.png
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from bench.cli.report import written

WIDTH, HEIGHT = 900, 1290
REACH = "[data-chart=ratio] svg"


def main(run: str, picture: str) -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = written([Path(run)], Path(folder) / "report.html")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(page_file.as_uri())
        box = page.locator(REACH).bounding_box()
        height = HEIGHT if box is None else box["y"] + box["height"] + 12
        page.screenshot(path=picture, full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
        browser.close()
    Image.open(picture).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(picture, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
