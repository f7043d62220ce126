mod -s virtio_blk /tmp/lab-3l8j2052/lab/kernels/6.12/root/usr/lib/debug/lib/modules/6.12.117+deb12-cloud-amd64/kernel/drivers/block/virtio_blk.ko -g
crash: 9.0.2
kernel: 6.12.117+deb12-cloud-amd64
format: elf
dump: 6.12-elf-sysrq
date: 2026-11-29
options: -s --no_crashrc --no_scroll
