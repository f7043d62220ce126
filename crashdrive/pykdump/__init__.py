"""PyKdump's API over a dump that crashdrive opened: its scripts run as they are, without its extension.

``crashdrive run`` makes the modules importable while a script runs: ``crash`` (the low-level one that
PyKdump's extension has inside crash), ``pykdump``, ``LinuxDump`` and ``Crashlib``. Reads go through
`memory`, types through `types`, commands through `commands`; `imports` puts the modules in place.
"""
