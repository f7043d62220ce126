scene() {
	sysctl -qw kernel.sched_rt_runtime_us=-1
	taskset 2 labguest hog lab-hog 9>&- &
	sleep 2
}

death() {
	sysrq c
}
