scene() {
	sysctl -qw kernel.pid_max=65536 kernel.threads-max=60000 vm.max_map_count=262144
	labguest crowd lab-crowd 400 50 9>&- &
	until test "$(cut -d/ -f2 /proc/loadavg | cut -d' ' -f1)" -gt 20000; do sleep 1; done
}

death() {
	sysrq c
}
