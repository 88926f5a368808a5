"""A report as files: report.json, report.html, the same for each host of several, and a signature of each."""

from __future__ import annotations

from pathlib import Path

from cift.ops.report.hosts import page_of
from cift.ops.report.html import render
from cift.ops.report.model import Report
from cift.ops.report.reading import write_json
from cift.ops.report.signature import sign


def write_report(root: Path, folder: Path, report: Report) -> Path:
    """Write them into the run's folder and return the page.

    Raises:
        SignatureError: they are written, but could not be signed.
    """
    page = folder / "report.html"
    files = _write(folder / "report.json", page, report)
    for host in report.hosts if len(report.hosts) > 1 else ():
        own = folder / page_of(host)
        files += _write(own.with_suffix(".json"), own, report.of(host))
    for file in files:
        sign(root, file)
    return page


def _write(data: Path, page: Path, report: Report) -> list[Path]:
    write_json(data, report)
    page.write_text(render(report))
    return [data, page]
