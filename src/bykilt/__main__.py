"""`python -m bykilt`: the same as the console script `bykilt`."""

from bykilt.cli.main import main

if __name__ == "__main__":
    main()
