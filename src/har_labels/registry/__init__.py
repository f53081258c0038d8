"""The Harness Artifact Registry over HTTP: requests, answers, retries of reads, paging (contract §1, §5).

Hides requests and urllib3, and the meaning of each answer. From the bottom up: transport (one HTTP request), client (one
call of the API), retry (reads retried), reader (artifacts found by name or pattern).
Its face: `client.Registry`, `reader.Reader`, `answers.Row`.
"""
