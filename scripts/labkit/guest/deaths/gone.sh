death() {
	act victim go
	rmmod lab_gone
}
