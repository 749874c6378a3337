"""Several processes as one run: exchange between ranks, optimizer state in shards, their supervision."""
