"""Deref: of a pointer to a pointer, of a structure."""

import json

from pykdump.API import *


def show(value):
    print(json.dumps(value))


systems = whatis("file_systems")
pointer = readSymbol("pid_cachep") if symbol_exists("pid_cachep") else readSymbol("file_systems")
task = readSU("struct task_struct", sym2addr("init_task"))
ns = task.nsproxy
show([Deref(task) == task, Deref(ns) == ns, int(task.thread_pid if task.hasField("thread_pid") else 0)])
try:
    Deref(5)
except TypeError as error:
    show(str(error))
