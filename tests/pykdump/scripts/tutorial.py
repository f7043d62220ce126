"""What the tutorial of PyKdump's author shows, on a kernel of today."""

import json

from pykdump.API import *

shown = []
# whether there is a symbol; a variable, typed by itself; a member of it
if symbol_exists("super_blocks"):
    shown.append("super_blocks exists")
tcp_hashinfo = readSymbol("tcp_hashinfo")
shown.append(tcp_hashinfo.ehash_mask)

# structures that point to the next one, through the dot and through Deref
names = {}
for head in readSymbol("major_names"):
    while head:
        s = Deref(head)
        names["%3d %-11s" % (s.major, s.name)] = str(head.name) == str(s.name)
        head = s.next
shown += [sorted(names), all(names.values())]

# & : of a variable, of a structure inside another, of an integer by hand
init_task = readSymbol("init_task")
shown.append(Addr(init_task.tasks) - sym2addr("init_task") == member_offset("struct task_struct", "tasks"))
shown.append(readS32(Addr(init_task) + member_offset("struct task_struct", "prio")) == init_task.prio)

# a string that knows its bytes, its address and, where it is char *, its pointer
comm = init_task.comm
shown += [str(comm), comm[5], Addr(comm) == Addr(init_task, "comm")]
banner = readSymbol("saved_command_line")
# since 3.0 Addr() is where a char * points to, and long() where the pointer lies; before, the other way round
where = sym2addr("saved_command_line")
shown += [Addr(banner) == readPtr(where), long(banner) == where, len(readmem(Addr(banner), 20))]

# globals
shown += [sys_info.CPUS, sys_info["LOAD AVERAGE"].count(","), sys_info.kernel >= "2.6.0", sys_info.pointersize]
shown.append([cpu for cpu in range(0, sys_info.CPUS)])

# commands of gdb and crash
shown += ["init_task" in exec_gdb_command("info address init_task"), exec_crash_command("sym schedule").split()[-1]]

# a list by its head's name, and each structure as a key
u = {}
for block in readSUListFromHead("super_blocks", "s_list", "struct super_block", maxel=1000, inchead=False):
    u[block.s_type] = 1
shown.append(len(u))
shown.append(len(readList(sym2addr("super_blocks"), 0, maxel=1000, inchead=False)))
shown.append(getListSize(sym2addr("super_blocks"), 0, 1000))
shown.append([str(fs.name) for fs in readStructNext(readSymbol("file_systems"), "next")][:3])

# a variable whose type is told by the script
descr = "struct hlist_head inet_addr_lst[256];"
try:
    table = readSymbol("inet_addr_lst", descr)
    shown.append([len(table), sum(1 for chain in table if chain.first)])
except TypeError:
    shown.append("no inet_addr_lst")

# sizes, offsets, typedefs
shown += [getSizeOf("unsigned long int"), getSizeOf("struct sock") == struct_size("struct sock")]
shown += [getSizeOf("avenrun"), getTypedefInfo("__u32"), getTypedefInfo("no_such_type")]
info = getStructInfo("struct sock")
shown += [info["sk_lock"].offset == member_offset("struct sock", "sk_lock"), info["sk_lock"].size]

# structures that are made up
made = ArtStructInfo("struct made_up")
made.append("struct list_head  list;")
made.append("void *pointer;")
made.append(getStructInfo("struct hlist_head"))
either = ArtUnionInfo("union made_up")
either.append("int a;")
either.append("long int b;")
shown += [made.size, made["pointer"].offset, made["first"].offset, either.size, either["b"].offset]

# errors, bits
try:
    readSU("struct no_such", 0)
except TypeError:
    shown.append("TypeError")
try:
    readmem(0xDEAD0000DEAD, 8, crash.KVADDR)
except crashError:
    shown.append("crashError")
shown += [sLong(0xFFFFFFFFFFFFFFFF), hex(~1)]
print(json.dumps(shown))
