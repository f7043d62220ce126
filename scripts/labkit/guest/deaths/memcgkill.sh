scene() {
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	mkdir /sys/fs/cgroup/lab
	echo 16M >/sys/fs/cgroup/lab/memory.max
	dash -c 'echo $$ >/sys/fs/cgroup/lab/cgroup.procs; exec labguest eat lab-eater' 9>&-
}

death() {
	sysrq c
}
