death() {
	taskset 1 labguest act lab-red /proc/lab red-blue 9>&- &
	taskset 2 labguest act lab-blue /proc/lab blue-red 9>&-
}
