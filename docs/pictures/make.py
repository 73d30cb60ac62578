"""Makes report.png anew, from phantoms: ``.venv/bin/python docs/pictures/make.py``; needs Chromium."""

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).with_name("report.png")
WIDTH = 1240
COLOURS = 128


def main() -> None:
    """Runs the command on phantoms, and keeps its report down to the first cluster's typical images."""
    with tempfile.TemporaryDirectory() as folder:
        scans, result = Path(folder, "scans"), Path(folder, "result")
        octcluster = Path(sys.executable).with_name("octcluster")
        for arguments in (
            ["phantoms", scans, "--images-per-class", "80"],
            ["run", scans, "--out", result, "--thumbnails"],
        ):
            subprocess.run([octcluster, *arguments], check=True)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
            page.goto((result / "report.html").as_uri(), wait_until="load")
            end = page.get_by_text("Most ambiguous", exact=True).first.bounding_box()
            clip = {"x": 0, "y": 0, "width": WIDTH, "height": end["y"]}
            picture = Image.open(io.BytesIO(page.screenshot(full_page=True, clip=clip)))
            browser.close()
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
