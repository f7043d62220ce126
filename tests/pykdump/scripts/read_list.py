"""readList, readListByHead, readBadList, getListSize: addresses on a list."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


head = sym2addr("super_blocks")
nodes = readList(head, 0, inchead=False)
show(
    [
        len(nodes),
        len(readList(head)),
        readList(0),
        nodes == readListByHead(head),
        len(list_for_each_entry(head)),
        getListSize(head, 0, 1000),
        len(readList(head, 0, maxel=2, warn=False)),
        readBadList(head)[1],
        len(readBadList(head)[0]),
    ]
)
