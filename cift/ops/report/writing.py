"""A report as files: report.json, report.html, and a signature of each."""

from __future__ import annotations

from pathlib import Path

from cift.ops.report.html import render
from cift.ops.report.model import Report, write_json
from cift.ops.report.signature import sign


def write_report(root: Path, folder: Path, report: Report) -> Path:
    """Write them into the run's folder and return the page.

    Raises:
        SignatureError: they are written, but could not be signed.
    """
    page = folder / "report.html"
    write_json(folder / "report.json", report)
    page.write_text(render(report))
    for file in (folder / "report.json", page):
        sign(root, file)
    return page
