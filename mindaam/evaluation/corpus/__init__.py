"""The report of `mindaam data check` on a folder of datasets: tables, and sheets of images."""
