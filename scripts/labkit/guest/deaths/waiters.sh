scene() {
	labguest futexes lab-futexes >/tmp/futexes 9>&- &
	mkdir -p /run/cgroup2
	mount -t cgroup2 cgroup2 /run/cgroup2
	mkdir /run/cgroup2/cold
	labguest rest cold-task 9>&- &
	echo $! >/run/cgroup2/cold/cgroup.procs
	sleep 2
	echo 1 >/run/cgroup2/cold/cgroup.freeze
	sleep 1
	labguest frame cmd/futexes cat /tmp/futexes
	labguest frame cmd/frozen cat /run/cgroup2/cold/cgroup.procs
}

death() {
	sysrq c
}
