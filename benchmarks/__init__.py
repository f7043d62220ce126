"""Programs that measure: each one part, and `benchmarks.__main__`, which compares with others."""

import os

# an installed crashdrive is compiled, once: a checkout is, too, where nobody forbids it
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
