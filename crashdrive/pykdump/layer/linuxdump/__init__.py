"""Parts of PyKdump's LinuxDump that scripts import most, over crashdrive.linux."""
