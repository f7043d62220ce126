scene() {
	taskset 1 labguest act lab-flusher /proc/lab wait 9>&- 2>/dev/null &
	stuck lab-flusher
}

death() {
	# The watchdog's thread of each CPU would have to run on the one that the work keeps.
	sysctl -qw kernel.watchdog=0
	taskset 1 labguest act lab-starter /proc/lab go 9>&-
	# A pool is stalled after 30 seconds.
	taskset 1 sleep 32
	taskset 1 labguest act finish /proc/sysrq-trigger c 9>&-
}
