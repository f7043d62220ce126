death() {
	sleep 0.5
	say "button, please"
}
