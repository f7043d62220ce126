scene() {
	actor lab-sleeper go
	stuck lab-sleeper
}
death() {
	: # the kernel notices by itself
}
