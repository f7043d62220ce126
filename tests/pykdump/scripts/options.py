"""API_options, and the options that all programs have."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


show([sys.argv[1:], API_options.debug, API_options.experimental, bool(API_options.dumpcache), debug])
