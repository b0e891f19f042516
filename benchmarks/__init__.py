"""Benchmarks of this project and its peers on the same work: one script per question, results as rows that a
command appended to `results.tsv`, and `log.md` with what was tried and did not pay."""
