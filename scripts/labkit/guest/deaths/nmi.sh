death() {
	# On CPU 0: that is where an NMI from outside goes.
	taskset 1 labguest act victim /proc/lab go 9>&- &
	sleep 1
	say "button, please"
}
