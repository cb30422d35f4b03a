"""`python -m darkmagic.cli`."""

from darkmagic.cli.main import main

if __name__ == "__main__":
    main()
