"""lsModules."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


show(sorted(lsModules()))
