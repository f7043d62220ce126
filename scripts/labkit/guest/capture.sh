#!/usr/sbin/dash
# The capture kernel's init: save the dead kernel's memory to the second disk and power off.

export PATH=/usr/sbin:/usr/bin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /tmp
for module in $(cat /lab/modules.order); do
	insmod "/lab/modules/$module.ko"
done
echo "LAB CAPTURE $(cut -d' ' -f1 /proc/uptime) start"
if makedumpfile -F -l -d 31 /proc/vmcore >/dev/vdb 2>/tmp/log; then
	sync
	echo "LAB CAPTURE $(cut -d' ' -f1 /proc/uptime) DONE"
else
	cat /tmp/log
	echo "LAB CAPTURE FAILED"
fi
poweroff -f
