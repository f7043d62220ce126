scene() {
	labguest zombies lab-parent 200 9>&- &
	sleep 3
}

death() {
	sysrq c
}
