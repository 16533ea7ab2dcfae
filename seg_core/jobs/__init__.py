"""Jobs: what takes longer than a page may and trains nothing. Surveys of data, evaluations, downloads; one process each."""
