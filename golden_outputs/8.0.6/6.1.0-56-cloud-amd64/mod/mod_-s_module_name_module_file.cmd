mod -s virtio_ring /tmp/lab-3l8j2052/lab/kernels/6.1/root/usr/lib/debug/lib/modules/6.1.0-56-cloud-amd64/kernel/drivers/virtio/virtio_ring.ko
crash: 8.0.6
kernel: 6.1.0-56-cloud-amd64
format: elf
dump: 6.1-elf-sysrq
date: 2026-11-29
options: -s --no_crashrc --no_scroll
