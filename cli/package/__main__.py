"""`python -m darkmagic`: the command line."""

from darkmagic.cli.main import main

if __name__ == "__main__":
    main()
