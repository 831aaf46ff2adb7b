"""report.pdf: the page as a browser prints it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from cbtguard.safety.errors import DataError, DependencyError

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_LEAST = 1000
"""Bytes; a shorter file is no printed page."""


def find_browser() -> str:
    """Return the Chromium to print with: the one in CBTGUARD_CHROMIUM, else one on the path.

    Raises:
        DependencyError: ``dependency.missing`` when there is none.
    """
    named = os.environ.get("CBTGUARD_CHROMIUM")
    for name in (named,) if named else BROWSERS:
        if found := shutil.which(name):
            return found
    raise DependencyError(
        "dependency.missing",
        "There is no Chromium to print the report with.",
        hint="Install one (Debian: apt-get install chromium) or name it in CBTGUARD_CHROMIUM; "
        "any browser prints report.html, too.",
    )


def print_pdf(folder: Path, *, timeout_s: float = 180) -> Path:
    """Print report.html of a folder to report.pdf beside it, without network.

    Args:
        folder: Folder with report.html.
        timeout_s: Seconds after which the browser is ended.

    Raises:
        DataError: ``data.unreadable`` when there is no report.html.
        DependencyError: ``dependency.missing`` without a Chromium, ``dependency.failed`` when it prints nothing.
    """
    page, out = folder / "report.html", folder / "report.pdf"
    if not page.is_file():
        raise DataError(
            "data.unreadable",
            f"There is no {page} to print.",
            hint="Make it: `cbtguard audit run`, or `cbtguard audit report DIR` from a report.json.",
        )
    browser = find_browser()
    with tempfile.TemporaryDirectory(prefix="cbtguard-pdf-") as scratch:
        made = Path(scratch) / "report.pdf"
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--no-first-run",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={scratch}/profile",
            "--no-pdf-header-footer",
            f"--print-to-pdf={made}",
            page.resolve().as_uri(),
        ]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            # Chromium has no sandbox for root; the page holds no script and may load nothing.
            command.insert(1, "--no-sandbox")
        cause = "no page came"
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=timeout_s)  # noqa: S603 - our own list
        except (OSError, subprocess.SubprocessError) as error:
            cause = type(error).__name__
        if not made.is_file() or made.stat().st_size < _LEAST:
            raise DependencyError(
                "dependency.failed",
                f"The browser could not print the report ({cause}).",
                hint="Try another Chromium in CBTGUARD_CHROMIUM, or print report.html from any browser.",
            )
        shutil.copyfile(made, out)
    return out
