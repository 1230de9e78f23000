"""`python -m api` is `warmline`."""

from api.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
