struct list_head ffffffffadb2ea00 -c 2
crash: 8.0.6
kernel: 6.12.117+deb12-cloud-amd64
format: elf
dump: 6.12-elf-sysrq
date: 2026-11-29
options: -s --no_crashrc --no_scroll
