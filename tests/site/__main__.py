"""Checks a built site; exit status 1 for a fault."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.site import browser
from tests.site.links import check

parser = argparse.ArgumentParser(prog="python -m tests.site")
parser.add_argument("folder", type=Path, help="where the site was built")
parser.add_argument("--browser", action="store_true", help="look at pages in Chromium, too")
parser.add_argument("--pictures", type=Path, help="write pictures of some pages there")
arguments = parser.parse_args()
report = check(arguments.folder)
print(
    f"{report.pages} pages, {report.inside:,} links within, {report.outside:,} to others by form"
)
faults = report.faults
if arguments.browser:
    if left_out := browser.missing():
        print(f"browser: left out, as there is no {', '.join(left_out)}")
    else:
        faults += browser.faults(arguments.folder, arguments.pictures)
        looked = len(browser.pages(arguments.folder))
        print(
            f"browser: {looked} pages on a phone, {len(browser.PAGES)} with all rules and colours"
        )
sys.exit("\n".join(faults) or 0)
