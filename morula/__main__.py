"""`python -m morula` is the command `morula`."""

import sys

from .cli import main

sys.exit(main())
