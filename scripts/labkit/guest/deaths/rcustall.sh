death() {
	sysctl -qw kernel.softlockup_panic=0 kernel.watchdog=0
	echo 4 >/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout
	echo 0 >/sys/module/rcupdate/parameters/rcu_cpu_stall_suppress
	act victim go
}
