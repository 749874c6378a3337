"""`python -m tests.ascend_audit GRAPH...` lists the primitives of these graphs, or of all; `--page` writes the page."""

import json
import sys

from tests.ascend_audit import page

if sys.argv[1:] == ["--page"]:
    page.PAGE.write_text(page.text(), encoding="utf-8")
else:
    from tests.ascend_audit import graphs

    for name in sys.argv[1:] or graphs.GRAPHS:
        print(json.dumps({name: graphs.listed(name)}), flush=True)
