"""``python -m linkage``: see `linkage.cli`."""

import sys

from linkage.cli import main

sys.exit(main())
