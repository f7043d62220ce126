"""Pages that are generated or filled: of docs/, of the manual, of the site; and what they are made of."""
