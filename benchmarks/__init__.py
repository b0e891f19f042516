"""This project beside its peers on the same work: one script a question, results as rows that a
command appended to `results.tsv`, and `log.md` with what was tried and did not pay."""
