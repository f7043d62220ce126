"""hlist_for_each_entry, getFullBuckets: chains of a hash table."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


table = readSymbol("unix_socket_table") if symbol_exists("unix_socket_table") else None
size = struct_size("struct hlist_head")
start = sym2addr("inode_hashtable")
inodes = readPtr(start)
mask = readU32(sym2addr("i_hash_mask"))
full = getFullBuckets(inodes, size, mask + 1, 0)
numbered = crash.getFullBucketsH(inodes, size, mask + 1, 0)
count = 0
for number, _ in numbered:
    head = readSU("struct hlist_head", inodes + number * size)
    count += sum(1 for _ in hlist_for_each_entry("struct inode", head, "i_hash"))
show([len(full), full == [word for _, word in numbered], count])
