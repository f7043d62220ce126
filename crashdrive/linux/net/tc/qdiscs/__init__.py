"""What each kind of qdisc keeps for itself: one module for each kind, found by itself.

A module has ``KIND``, a `crashdrive.linux.net.tc.qdiscs.base.Kind`. Most kinds are kernel modules: their
structures are known where the debug data has them, or the dump holds their BTF.
"""
