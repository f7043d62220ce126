"""pylog: what is logged is shown at once, and again at the end."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


pylog.warning("first", 1)
pylog.error("second")
pylog.info("third")
pylog.warning("first", 1)
pylog.warning_onexit("fourth")
pylog.silent("fifth")
print("silent:", pylog.getsilent(), "|", pylog.getsilent(), "|")
