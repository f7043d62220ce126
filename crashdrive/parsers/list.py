"""``list``: the elements of a linked list.

Source in crash: ``cmd_list()``, ``do_list()`` (tools.c).

As crash prints it::

    crash> list task_struct.tasks -h ffffffff9f61aa40
    ffffffff9f61aa40
    ffff8c3b011fc180
    ffff8c3b011fa0c0
    ffff8c3b011f8000
    ...
"""

from __future__ import annotations

from crashdrive.parsers.base import Shape
from crashdrive.parsers.grammar.walks import Element, check_elements, elements

SHAPES = (
    Shape(
        name="elements",
        record=Element,
        grammar=elements,
        finish=check_elements,
        options="list [-o] OFFSET|STRUCT.MEMBER [-H|-h|-l] [-s|-S STRUCT[.MEMBER,...]] START",
    ),
)
EXAMPLES = (
    "list task_struct.tasks -h {init_task}",
    "list -H {sym:net_namespace_list} -o net.list -s net.ifindex,dev_base_seq,list",
    "list -H {sym:net_namespace_list} -o net.list -s net.ifindex -s net.list -x",
    "list task_struct.tasks -S task_struct.pid,comm -h {init_task}",
    "list -H {sym:net_namespace_list} -o net.list -S net.ifindex,list,ct",
    "list -H {sym:net_namespace_list} -s list_head",
    "list file_system_type.next -S file_system_type.name,fs_flags {sym:sysfs_fs_type}",
    "list -r -H {sym:modules}",
    "list -B -H {sym:modules}",
    "list -h 10",
    "list nosuchstruct.next {init_task}",
    *(
        "list -e {sym:modules} -H modules",
        "list -O module.list -h {module}",
        "list -o task_struct.sibling -O task_struct.children -h {init_task}",
    ),
    *(
        "list -H {sym:modules} -o module.list -s module.state,refcnt -d",
        "list -s module.state -l module.list {sym:modules}",
    ),
)
