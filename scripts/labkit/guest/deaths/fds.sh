scene() {
	sysctl -qw fs.file-max=8000
	ulimit -n 100000
	labguest opener lab-opener 9>&- &
	sleep 2
}

death() {
	sysrq c
}
