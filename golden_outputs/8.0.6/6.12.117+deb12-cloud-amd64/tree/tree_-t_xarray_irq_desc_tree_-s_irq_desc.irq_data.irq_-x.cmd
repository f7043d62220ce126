tree -t xarray irq_desc_tree -s irq_desc.irq_data.irq -x
crash: 8.0.6
kernel: 6.12.117+deb12-cloud-amd64
format: elf
dump: 6.12-elf-sysrq
date: 2026-11-29
options: -s --no_crashrc --no_scroll
