# Mounts, swap, cgroups, and the log. Sourced by init.

mkdir -p "/mnt/with space" /mnt/bind /mnt/ro /mnt/ext4 /mnt/over /mnt/lower /mnt/shared
mount -t tmpfs -o size=1m,mode=700 "name with space" "/mnt/with space"
mount --bind /tmp /mnt/bind
mount -t tmpfs -o ro,nosuid,nodev,noexec '[red]' /mnt/ro
mount -t tmpfs shared /mnt/shared
mount --make-shared /mnt/shared
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t debugfs debugfs /sys/kernel/debug
mkdir -p /sys/fs/cgroup/lab/inner

dd if=/dev/zero of=/tmp/disk bs=1M count=8 2>/dev/null
if mke2fs -q -F -t ext4 /tmp/disk; then
	losetup /dev/loop0 /tmp/disk && mount -t ext4 /dev/loop0 /mnt/ext4
	echo "on disk" >/mnt/ext4/file
	mkdir -p /tmp/upper /tmp/work
	mount -t overlay overlay -o lowerdir=/mnt/lower,upperdir=/tmp/upper,workdir=/tmp/work /mnt/over
fi
if echo 16M >/sys/block/zram0/disksize; then
	mkswap /dev/zram0 >/dev/null && swapon /dev/zram0
fi
sysctl -qw vm.nr_hugepages=2 kernel.hostname=lab-guest kernel.domainname=example.org

kmsg() { # TEXT: a line of the kernel's log
	printf "%b" "$1" >/dev/kmsg
}
kmsg 'crash: read error: kernel virtual address: ffff888000000000  type: "task_struct"'
kmsg 'ps: invalid argument'
kmsg 'crash> '
kmsg 'lab: \033[31mred\033[0m \007bell and \010backspace'
kmsg 'lab: [bold]markup[/bold] <b>html</b> & {braces} %s %d'
kmsg 'lab: umlaut \303\244 and a broken byte \377'
kmsg '<3>lab: an error\nlab: a second line of the same record'
kmsg "lab: long $(seq -s, 1 230)"
kmsg '[    1.000000] lab: looks like a time stamp'
kmsg ''
