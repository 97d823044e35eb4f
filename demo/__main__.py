"""`python -m demo`: the demo's commands."""

from demo.cli import main

if __name__ == "__main__":
    main()
