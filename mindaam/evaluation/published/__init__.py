"""The figures of the AAM paper, and measured ones beside them.

`figures` reads table_*.csv: every number of the paper's Tables 1-4 and 13-22 with its digits as printed, one row per
number. `beside` puts an evaluation beside all methods on the same dataset, `table` fills a table of the paper,
`efficiency` Table 4.
"""

from mindaam.evaluation.published.comparing import beside
from mindaam.evaluation.published.figures import Figure, figures
from mindaam.evaluation.published.paper_tables import efficiency, table

__all__ = ["Figure", "beside", "efficiency", "figures", "table"]
