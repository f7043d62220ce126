rd -u 401000 4
crash: 8.0.6
kernel: 6.1.0-56-cloud-amd64
format: kdump
dump: 6.1-kdump-sysrq
date: 2026-11-21
options: -s --no_crashrc --no_scroll
