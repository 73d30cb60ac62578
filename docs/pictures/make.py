"""Makes report.png and explorer.png anew, from phantoms: ``.venv/bin/python docs/pictures/make.py``.

It needs Chromium.
"""

import io
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

FOLDER = Path(__file__).parent
OCTCLUSTER = Path(sys.executable).with_name("octcluster")
WIDTH = 1240
COLOURS = 192


def main() -> None:
    """Runs the command on phantoms, and takes a picture of its report and one of its explorer."""
    with tempfile.TemporaryDirectory() as folder:
        scans, result = Path(folder, "scans"), Path(folder, "result")
        for arguments in (
            ["phantoms", scans, "--images-per-class", "80"],
            ["run", scans, "--out", result, "--thumbnails"],
        ):
            subprocess.run([OCTCLUSTER, *arguments], check=True)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            picture_report(browser, result)
            picture_explorer(browser, result)
            browser.close()


def picture_report(browser: Browser, result: Path) -> None:
    """The report down to the first cluster's typical images."""
    page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
    page.goto((result / "report.html").as_uri(), wait_until="load")
    end = page.get_by_text("Most ambiguous", exact=True).first.bounding_box()
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": end["y"]}
    keep(page.screenshot(full_page=True, clip=clip), "report.png")


def picture_explorer(browser: Browser, result: Path) -> None:
    """The explorer with one group chosen and named."""
    command = [OCTCLUSTER, "explore", result, "--no-browser"]
    explorer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        address = re.search(r"http://\S+", explorer.stdout.readline())[0]
        page = browser.new_page(viewport={"width": WIDTH, "height": 760}, color_scheme="light")
        page.goto(address)
        page.locator(".groups li .group").nth(1).click()
        page.keyboard.press("n")
        page.get_by_label("Name", exact=True).fill("Fluid")
        page.keyboard.press("Enter")
        page.get_by_label("Your name").fill("Dr. Example")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Dismiss").click()
        page.locator(".tile").nth(1).hover()
        page.wait_for_load_state("networkidle")
        keep(page.screenshot(), "explorer.png")
    finally:
        explorer.send_signal(signal.SIGINT)
        explorer.wait()


def keep(screenshot: bytes, name: str) -> None:
    """Writes a picture with few colours."""
    picture = Image.open(io.BytesIO(screenshot)).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(FOLDER / name, optimize=True)


if __name__ == "__main__":
    main()
