scene() {
	actor lab-flusher go
	stuck lab-flusher
	sleep 0.5
}
death() {
	: # the kernel notices by itself
}
