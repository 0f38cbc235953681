"""What `python -m messaging_adapters.cli` runs."""

import sys

from messaging_adapters.cli import main

sys.exit(main())
