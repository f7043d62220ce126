death() {
	sysctl -qw kernel.softlockup_panic=0 kernel.watchdog=0
	taskset 2 labguest act lab-spinner /proc/lab spin 9>&- &
	sleep 0.5
	taskset 1 labguest act victim /proc/lab call 9>&-
}
