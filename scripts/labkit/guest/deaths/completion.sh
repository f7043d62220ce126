scene() {
	actor lab-waiter go
	stuck lab-waiter
}
death() {
	: # the kernel notices by itself
}
