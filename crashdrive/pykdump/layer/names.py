"""The names that PyKdump's API exports, and those of its inner modules."""

from __future__ import annotations

import atexit
import importlib
import os
import pprint
import re
import select
import stat
import string
import sys
import time
import traceback
from collections import defaultdict
from functools import partial
from optparse import Option, OptionParser
from types import ModuleType
from typing import Any

from crashdrive.pykdump import numbers
from crashdrive.pykdump.describe import CODES
from crashdrive.pykdump.layer import (
    access,
    artificial,
    attributes,
    cdecl,
    execution,
    generic,
    memo,
    modules,
    options,
    pylogs,
    readers,
    structs,
    system,
    typeinfo,
)
from crashdrive.pykdump.run import Run

# the version of PyKdump whose names these are
VERSION = "3.5.3"
_INT, _WORD = 4, 8
DCache = generic.DataCache()

_OF_ACCESS = """
    LH_isempty ListHead container_of funcargs getSizeOf getStructInfo hlist_for_each_entry list_for_each_entry
    member_offset member_size readBadList readList readListByHead readProcessMem readSU readSUArray
    readSUListFromHead readStructNext readSymbol setListMaxel struct_exists struct_size whatis
"""
_OF_GENERIC = """
    ALIGN Bunch TrueOnce argv2s atomic_t dbits2str getCurrentModule hexl isfileoutput iterN patch_default_kw
    print2columns registerModuleAttr registerObjAttrHandler unsigned16 unsigned32 unsigned64
"""
_OF_STRUCTS = "Addr Deref SmartString StructResult printObject tPtr"
_OF_EXECUTION = """
    SuppressCrashErrors exec_command exec_crash_command exec_crash_command_bg exec_crash_command_bg2
    exec_gdb_command set_default_timeout
"""
_OF_MEMO = """
    CU_LIVE CU_LOAD CU_PYMOD CU_TIMEOUT PY_select PY_select_purge memoize_cond memoize_typeinfo
    purge_memoize_cache purge_typeinfo
"""
_OF_TYPES = "EnumInfo SUInfo TypeInfo type_length"
# what scripts make up, some of it of the first versions, whose scripts are still about
_OF_OLD = "ArtStructInfo ArtUnionInfo getTypedefInfo"
_OF_MODULES = "delModule loadModule lsModules possibleModuleNames"
_OF_CRASH = """
    FD_ISSET addr2mod addr2sym cpu_to_le32 enumerator_value getFullBuckets getFullBucketsH getListSize
    get_pathname is_task_active le16_to_cpu le32_to_cpu phys_to_page pid_to_task readPtr readmem sLong
    set_readmem_task sym2addr sym2alladdr symbol_exists task_to_pid uvtop
"""


def api_names(run: Run, crash: ModuleType) -> dict[str, Any]:
    """All names that ``from pykdump.API import *`` brings; ``crash`` is the low-level module."""
    sources: list[tuple[Any, str]] = [
        (access, _OF_ACCESS),
        (generic, _OF_GENERIC),
        (structs, _OF_STRUCTS),
        (execution, _OF_EXECUTION),
        (memo, _OF_MEMO),
        (typeinfo, _OF_TYPES),
        (artificial, _OF_OLD),
        (modules, _OF_MODULES),
        (crash, _OF_CRASH),
        (attributes, "AttrSetter structSetAttr structSetProcAttr"),
        (cdecl, "CDefine CEnum"),
        (pylogs, "PyLog WARNING pylog"),
        (options, "API_options get_nsproxy set_nsproxy"),
        (system, "KernelRev"),
    ]
    found = {name: getattr(source, name) for source, names in sources for name in names.split()}
    return (
        found
        | access.number_readers()
        | _libraries()
        | _of_the_dump(run)
        | _of_the_program(run)
        | {"crash": crash, "crashError": crash.error}
    )


def _libraries() -> dict[str, Any]:
    """What PyKdump passes on of Python's own."""
    found: dict[str, Any] = {
        one.__name__: one for one in (atexit, importlib, os, pprint, re, select, stat, string)
    }
    found |= {one.__name__: one for one in (sys, time, traceback)}
    found |= {"Option": Option, "OptionParser": OptionParser, "defaultdict": defaultdict}
    return found | {"long": int, "pp": pprint.PrettyPrinter(indent=4)}


def _of_the_dump(run: Run) -> dict[str, Any]:
    word = run.kernel.pointer_size
    facts = system.sys_info()
    release = str(facts.get("RELEASE", ""))
    long_mask, int_mask = (1 << 8 * word) - 1, (1 << 8 * _INT) - 1
    return {
        "sys_info": facts,
        "kernel": str(facts.kernel),
        "kname": release,
        "debuginfo": facts.debuginfo,
        "RHDIR": facts.debuginfo[0],
        "CGDIR": facts.debuginfo[1],
        "HZ": run.kernel.hz,
        "PAGESIZE": run.kernel.page_size,
        "PAGE_CACHE_SHIFT": run.kernel.page_size.bit_length() - 1,
        "pointersize": word,
        "PTR_SIZE": word,
        "INT_SIZE": _INT,
        "BITS_PER_INT": 8 * _INT,
        "INT_MASK": int_mask,
        "INT_MAX": int_mask >> 1,
        "LONG_SIZE": word,
        "BITS_PER_LONG": 8 * word,
        "LONG_MASK": long_mask,
        "LONG_MAX": long_mask >> 1,
        "uInt": generic.unsigned32,
        "uLong": generic.unsigned64 if word == _WORD else generic.unsigned32,
        "PYKD": access.SymbolReader(),
        "union_size": access.struct_size,
        "DCache": DCache,
    }


def _of_the_program(run: Run) -> dict[str, Any]:
    times = os.times()
    return {
        "debug": int(options.API_options.get("debug", 0)),
        "debugDLKM": 0,
        "debugReload": 0,
        "re_apidebug": re.compile(r"^--apidebug=(\d+)$"),
        "t_start": times.user + times.system,
        "t_start_children": times.children_user + times.children_system,
        "t_starta": time.time(),
        "highlevel": importlib.import_module("pykdump.highlevel"),
        "pykdump": importlib.import_module("pykdump"),
        "require_cmod_version": require_cmod_version,
        "_run": run,
    }


def inner_names(crash: ModuleType) -> dict[str, Any]:
    """What scripts take of PyKdump's inner modules beside the API's names."""
    order = crash.mem2long.keywords["order"]
    return {
        **CODES,
        "TYPE_CODE_SU": typeinfo.SU_CODES,
        "INFO": pylogs.INFO,
        "ERROR": pylogs.ERROR,
        "mem2long": partial(numbers.mem2long, order=order),
        "readIntN": crash.readInt,
        "tEnum": structs.tEnum,
        "VarInfo": typeinfo.VarInfo,
        "PseudoVarInfo": typeinfo.PseudoVarInfo,
        "gdb_typeinfo": typeinfo.typeinfo_of,
        "parseSUDef": cdecl.parseSUDef,
        "intDimensionlessArray": structs.intDimensionlessArray,
        "DataCache": generic.DataCache,
        "warn_maxel": access.warn_maxel,
        "nested": readers.nested,
        "error": crash.error,
    }


def require_cmod_version(vers: str, c_mod_version: str = VERSION) -> None:
    """End the program where it needs a newer PyKdump than this is like."""
    if system.KernelRev.conv(c_mod_version) < system.KernelRev.conv(vers):
        print(f"This program needs PyKdump {vers}; crashdrive's layer is like {c_mod_version}")
        sys.exit(1)
