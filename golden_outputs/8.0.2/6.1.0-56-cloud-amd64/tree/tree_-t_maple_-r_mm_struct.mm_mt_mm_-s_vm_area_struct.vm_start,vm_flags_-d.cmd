tree -t maple -r mm_struct.mm_mt ffff8c735f77c480 -s vm_area_struct.vm_start,vm_flags -d
crash: 8.0.2
kernel: 6.1.0-56-cloud-amd64
format: elf
dump: 6.1-elf-sysrq
date: 2026-11-29
options: -s --no_crashrc --no_scroll
