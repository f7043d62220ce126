#!/bin/sh
# The guest that stays up, its disk being its root: sshd, and processes that come and go.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
for folder in /dev/shm /tmp /run /var /root; do
	mount -t tmpfs tmpfs "$folder"
done
mkdir -p /run/sshd /var/tmp /root/.ssh
dmesg -n 4
busybox ip link set lo up
busybox ip link set eth0 up
busybox ip addr add 10.0.2.15/24 dev eth0
busybox ip route add default via 10.0.2.2
mkdir -p /run/ssh
for name in host authorized; do
	option=$(sed -n "s/.*\\blab\\.$name=\\([^ ]*\\).*/\\1/p" /proc/cmdline)
	echo "$option" | base64 -d >"/run/ssh/$name"
done
chmod 600 /run/ssh/host
/usr/sbin/sshd -f /lab/sshd_config -E /run/sshd.log
echo "LAB $(cut -d' ' -f1 /proc/uptime) UP"
# without end, so that tasks come and go while they are read
while :; do
	sleep 0.3
done
