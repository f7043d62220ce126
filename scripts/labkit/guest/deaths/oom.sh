death() {
	labguest eat lab-eater 9>&-
}
