"""The `mindaam` command, one file a subcommand."""
