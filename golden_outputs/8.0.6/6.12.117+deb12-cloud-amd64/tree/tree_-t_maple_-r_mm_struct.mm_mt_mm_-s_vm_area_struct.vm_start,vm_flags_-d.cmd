tree -t maple -r mm_struct.mm_mt ffff8de481c80b00 -s vm_area_struct.vm_start,vm_flags -d
crash: 8.0.6
kernel: 6.12.117+deb12-cloud-amd64
format: elf
dump: 6.12-elf-sysrq
date: 2026-11-29
options: -s --no_crashrc --no_scroll
