scene() {
	for lock in sem rtmutex rwsem percpu; do
		actor lab-$lock-own hold-$lock
	done
	sleep 0.5
	for lock in sem rtmutex rwsem percpu waitqueue; do
		actor lab-$lock want-$lock
		stuck lab-$lock
	done
}

death() {
	: # the kernel notices by itself
}
