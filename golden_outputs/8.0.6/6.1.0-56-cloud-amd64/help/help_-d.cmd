help -d
crash: 8.0.6
kernel: 6.1.0-56-cloud-amd64
format: elf
dump: 6.1-elf-sysrq
date: 2026-11-29
options: -s --no_crashrc --no_scroll
