"""The parts of the page Correct: choosing and making a collection (`choose`), its versions and what to do with it (`kept`)."""
