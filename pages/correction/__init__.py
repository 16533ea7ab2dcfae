"""The parts of the page Correct: choosing and making a collection (`choose`), the order of its photographs (`proposing`), the
versions of a mask and what to do with it (`kept`), training with them (`retraining`), and what can be done with the collection
(`whole`)."""
