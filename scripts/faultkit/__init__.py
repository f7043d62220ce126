"""Faults for a report to meet: pages that are missing or damaged, and what it says of them."""

from __future__ import annotations

import os
import random

_CHANCE = random.SystemRandom().randrange(1 << 32) if os.environ.get("CI") else 1
SEED = int(os.environ.get("CRASHDRIVE_FAULTS_SEED", _CHANCE))
"""What tests choose by: the same in each run, but another one in CI."""
