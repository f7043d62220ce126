scene() {
	actor lab-red red-blue
	actor lab-blue blue-red
	sleep 0.5
	stuck lab-red lab-blue
}
death() {
	: # the kernel notices by itself
}
