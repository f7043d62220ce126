death() {
	sysctl -qw kernel.softlockup_panic=0 kernel.watchdog=0
	echo 4 >/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout
	echo 0 >/sys/module/rcupdate/parameters/rcu_cpu_stall_suppress
	taskset 2 labguest act victim /proc/lab go 9>&- &
	sleep 0.5
	taskset 1 labguest act lab-reclaimer /proc/lab wait 9>&-
}
