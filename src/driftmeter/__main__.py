"""`python -m driftmeter` is the command line."""

from driftmeter.cli import main

if __name__ == "__main__":
    main()
