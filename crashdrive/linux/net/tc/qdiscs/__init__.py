"""Private data of qdiscs: one module for each kind, found by name.

A module has ``KIND``, a `crashdrive.linux.net.tc.qdiscs.base.Kind`. Most kinds are kernel modules: their
structures come from the debug data, or from the BTF in the dump.
"""
