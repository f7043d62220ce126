# Cgroups with limits, of version 2 and of version 1. Sourced by init.

unified=/sys/fs/cgroup
for group in "$unified" "$unified/lab"; do
	for controller in cpu memory pids io; do
		echo "+$controller" >"$group/cgroup.subtree_control" 2>/dev/null
	done
done
mkdir -p "$unified/lab/memory" "$unified/lab/frozen"
limit() { # GROUP FILE VALUE
	echo "$3" >"$unified/$1/$2" || say "no $2"
}
limit lab memory.max 64M
limit lab memory.high 48M
limit lab pids.max 20
limit lab cpu.max "50000 100000"
limit lab/memory memory.low 1M
limit lab/memory memory.min 512K
limit lab/memory memory.max 16M
limit lab/memory pids.max 2
limit lab/memory cpu.weight 50
limit lab/frozen cgroup.freeze 1

mkdir -p /run/cgroup/freezer /run/cgroup/named
mount -t cgroup -o freezer freezer /run/cgroup/freezer && mkdir -p /run/cgroup/freezer/half
mount -t cgroup -o none,name=lab named /run/cgroup/named && mkdir -p /run/cgroup/named/outer/inner
