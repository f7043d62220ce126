"""The parts of PyKdump's LinuxDump that scripts import most, over `crashdrive.linux`.

Each module has what scripts use of its namesake: names, arguments and values are those of PyKdump.
"""
