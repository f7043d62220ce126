"""What a dump and a vmlinux are as files: headers, VMCOREINFO, ELF, build ids; a dump's kernel found."""
