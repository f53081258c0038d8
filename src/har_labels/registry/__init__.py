"""The Harness Artifact Registry over HTTP: requests, answers, paging, retries of reads (contract §1, §5).

Hides requests and urllib3, and which answer means what.
Its face: `client.Registry`, `reader.Reader`, `answers.Row`.
"""
