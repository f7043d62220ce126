"""A script in Python 2, with a module of its own in Python 2."""

import json
import StringIO

from old_helper import fail, states
from pykdump.API import *

buffer = StringIO.StringIO()
print >>buffer, "%3d       %-11s" % (7, "loop")
tasks = readSUListFromHead(Addr(readSymbol("init_task"), "tasks"), "tasks", "struct task_struct")
found = states(tasks)
try:
    fail()
except KeyError, error:
    caught = error.args[0]
names = [str(name) for name in map(None, [t.comm for t in tasks[:2]])] if 0 else [str(t.comm) for t in tasks[:2]]
pages = len(found) / 2
odd = filter(lambda n: n & 1, xrange(5))
if not symbol_exists("no_such_symbol") and sys_info.kernel <> "2.4.0":
    print json.dumps([buffer.getvalue(), sum(found.itervalues()) == len(tasks), caught, names, 0755, 7 / 2, odd])
