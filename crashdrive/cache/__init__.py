"""What is kept between runs: the store, and what is known of earlier starts of crash."""
