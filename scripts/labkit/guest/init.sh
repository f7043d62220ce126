#!/usr/sbin/dash
# The guest's init: set the scene, record the ground truth, die as told.
# Options come from the kernel's command line: lab.connections=

# Not busybox's shell: that one prefers its own ip and mke2fs to the real ones.
export PATH=/usr/sbin:/usr/bin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t securityfs securityfs /sys/kernel/security
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/mqueue /run/netns /tmp /var/run /mnt
mount -t tmpfs -o size=64m tmpfs /tmp
mount -t tmpfs -o size=16m tmpfs /run
mkdir -p /run/netns
mount -t devpts devpts /dev/pts
mount -t mqueue mqueue /dev/mqueue
dmesg -n 4

option() { # NAME: its value on the kernel's command line
	sed -n "s/.*\\blab\\.$1=\\([^ ]*\\).*/\\1/p" /proc/cmdline
}

say() { # TEXT: a line on the console, with the time since the start
	echo "LAB $(cut -d' ' -f1 /proc/uptime) $*"
}

load_modules() {
	for module in $(cat /lab/modules.order); do
		insmod "/lab/modules/$module.ko" 2>/tmp/insmod || say "module $module: $(cat /tmp/insmod)"
	done
}

raise_limits() {
	ulimit -n 1000000
	sysctl -qw net.ipv4.ip_local_port_range="10000 64999" net.core.somaxconn=4096 \
		net.netfilter.nf_conntrack_max=200000 fs.file-max=2000000 \
		net.ipv4.ipfrag_time=300 net.netfilter.nf_conntrack_icmp_timeout=300 \
		net.netfilter.nf_conntrack_frag6_timeout=300 net.netfilter.nf_conntrack_icmpv6_timeout=300 \
		net.netfilter.nf_conntrack_udp_timeout=300 net.netfilter.nf_conntrack_udp_timeout_stream=300
}

load_capture_kernel() { # the kernel that saves the dump when this one dies
	test -f /lab/capture.vmlinuz || return 0
	kexec -p /lab/capture.vmlinuz --initrd=/lab/capture.cpio \
		--command-line="console=ttyS0 no_timer_check nr_cpus=1 irqpoll reset_devices quiet panic=1" ||
		say "kexec FAILED"
	rm -f /lab/capture.*
}

wait_ready() { # FILE: until the program that writes it says that it is ready
	for _ in $(seq 3000); do
		grep -q 'LAB READY' "$1" && return 0
		grep -q 'LAB FAILED' "$1" && break
		sleep 0.1
	done
	say "FAILED: $(cat "$1")"
	poweroff -f
}

start() { # PART ARGUMENT...: part of the guest's program, in the background
	labguest "$@" >"/tmp/$1.log" 2>&1 </dev/null &
	wait_ready "/tmp/$1.log"
	grep 'LAB SKIPPED' "/tmp/$1.log"
}

say "modules"
load_modules
say "capture kernel"
load_capture_kernel
ip link set lo up
if test -f /lab/lean.sh; then
	. /lab/lean.sh
	die_lean
	say "FAILED: still alive"
	poweroff -f
fi
raise_limits
for script in /lab/scene/*.sh; do
	test -f "$script" || continue
	say "${script##*/}"
	. "$script"
done
exec 9>/dev/vda
. /lab/truth.sh
say "connections"
start connections "$(option connections)"
say "processes"
start processes
say "members"
start members
say "settled truth"
settled_truth
# Some of these live for a minute only: half-closed connections, fragments, neighbour states.
say "sockets"
start tcp
start sockets
ping_neighbours
say "moving truth"
moving_truth
sysctl -qw kernel.panic_on_oops=1 kernel.panic=0 kernel.sysrq=1
say "finish"
labguest finish sysrq 2>&1
say "FAILED: still alive"
poweroff -f
