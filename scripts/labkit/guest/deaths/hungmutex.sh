scene() {
	actor lab-owner hold
	sleep 0.5
	for number in 1 2 3; do
		actor lab-waiter-$number want
	done
	stuck lab-waiter-1 lab-waiter-2 lab-waiter-3
}
death() {
	: # the kernel notices by itself
}
