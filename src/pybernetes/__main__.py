"""`python -m pybernetes`: the command."""

import sys

from pybernetes.cmd.main import main

sys.exit(main())
