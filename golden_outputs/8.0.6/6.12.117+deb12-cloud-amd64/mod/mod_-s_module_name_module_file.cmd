mod -s virtio_blk /tmp/lab-a21qpqre/lab/kernels/6.12/root/usr/lib/debug/lib/modules/6.12.117+deb12-cloud-amd64/kernel/drivers/block/virtio_blk.ko
crash: 8.0.6
kernel: 6.12.117+deb12-cloud-amd64
format: elf
dump: 6.12-elf-sysrq
date: 2026-11-29
options: -s --no_crashrc --no_scroll
