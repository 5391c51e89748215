"""`python -m outrider_agent`: the daemon. Nothing but the call of `main`."""

import sys

from outrider_agent import main

if __name__ == "__main__":
    sys.exit(main.main())
