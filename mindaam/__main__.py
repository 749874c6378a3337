"""`python -m mindaam`: the `mindaam` command."""

from mindaam.cli.main import main

if __name__ == "__main__":
    main()
