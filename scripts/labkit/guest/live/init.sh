#!/bin/busybox sh
# The first program of a guest that stays up: its disk becomes its root.
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
for module in $(cat /lab/modules.order); do
	insmod "/lab/modules/$module.ko"
done
mkdir -p /disk
mount -t ext4 -o ro /dev/vda /disk || { echo "FAILED: no disk"; poweroff -f; }
umount /proc
mount --move /dev /disk/dev
exec switch_root /disk /lab/up.sh
