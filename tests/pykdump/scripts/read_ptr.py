"""readPtr: IndexError for NULL."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


head = sym2addr("modules")
try:
    readPtr(0)
except IndexError as error:
    text = str(error)
try:
    readPtr(16)
except crash.error:
    text += ", crash.error"
show([readPtr(head), readPtr(readSU("struct list_head", head)), text])
