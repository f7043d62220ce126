repeat -x ps
crash: 8.0.6
kernel: 6.12.117+deb12-cloud-amd64
format: kdump
dump: 6.12-kdump-sysrq
date: 2026-11-21
options: -s --no_crashrc --no_scroll
